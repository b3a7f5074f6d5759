import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import type { ControllerView } from '../../api/contract.ts'
import { aboutController, ManorClient, path } from '../client.ts'
import { examples, onAction, withJson } from '../command-module.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { CliError, EXIT } from '../errors.ts'
import { show } from '../output/print.ts'
import type { Goal } from '../wait.ts'
import { cursorNow, type WaitOptions, waitAndTell, withWait } from './waiting.ts'

type Action = 'start' | 'stop' | 'restart' | 'delete'
type ActionOptions = WaitOptions & { readonly yes?: boolean }

type Words = { readonly summary: string; readonly description: string; readonly until: string; readonly goal: Goal; readonly taken: string }

const WORDS: Readonly<Record<Action, Words>> = {
  start: {
    summary: 'Start a stopped or failed one',
    description: 'Start a controller that is stopped, or try again with one that failed.',
    until: 'until it is ready',
    goal: 'ready',
    taken: 'is being started',
  },
  stop: {
    summary: 'Stop one once its builds have ended',
    description: 'Stop a controller: no new builds, then wait for the running ones within its grace, then stop. Its home is kept.',
    until: 'until it is stopped',
    goal: 'stopped',
    taken: 'is being stopped, once its builds have ended',
  },
  restart: {
    summary: 'Stop and start one',
    description: 'Restart a controller, once its builds have ended. Changes made with "controller set" take effect.',
    until: 'until it is ready again',
    goal: 'restarted',
    taken: 'is being restarted, once its builds have ended',
  },
  delete: {
    summary: 'Delete one, with its jobs',
    description: "Stop and delete a controller. Its home is moved to the directory retired/ of Manor's home.",
    until: 'until it is gone',
    goal: 'deleted',
    taken: 'is being deleted',
  },
}

export const registerActions = (parent: Command, context: CliContext): void => {
  for (const action of ['start', 'stop', 'restart', 'delete'] as const) registerAction(parent, context, action)
}

const registerAction = (parent: Command, context: CliContext, action: Action): void => {
  const words = WORDS[action]
  const command = parent.command(action).summary(words.summary).description(words.description).argument('<controller>')
  withWait(command, words.until)
  if (action === 'delete') command.option('-y, --yes', 'do not ask whether it is meant')
  withJson(command)
  examples(command, [[`controller ${action} team-a --wait`, `${action} team-a and stay ${words.until}`]])
  onAction<ActionOptions>(command, async ([name = ''], options) => {
    const client = new ManorClient(context, options)
    if (action === 'delete' && !options.yes) await confirmDelete(client, context, name)
    const cursor = await cursorNow(client, options)
    const asked = await aboutController(client, name, () =>
      client.send<ControllerView>('POST', path`/controllers/${name}/actions`, { action }),
    )
    if (options.wait) return waitAndTell(client, context, options, { goal: words.goal, asked, cursor })
    show(context, options.json, asked, () => `Controller ${name} ${words.taken}. See it with: ${PROGRAM} controller show ${name}`)
  })
}

/** Asks a person; a script that gave no terminal has nobody to ask and means what it says. */
const confirmDelete = async (client: ManorClient, context: CliContext, name: string): Promise<void> => {
  if (!context.stdout.isTTY || !context.stdin.isTTY) return
  const { running } = await aboutController(client, name, () => client.get<ControllerView>(path`/controllers/${name}`))
  const reader = createInterface({ input: process.stdin, output: process.stdout })
  try {
    const builds = running > 0 ? `, on which ${running} builds run` : ''
    const answer = await reader.question(`Delete controller ${name}${builds}? Write its name to confirm: `, { signal: context.signal })
    if (answer.trim() !== name) throw new CliError(`Controller ${name} was left as it is.`, EXIT.failed)
  } finally {
    reader.close()
  }
}
