import type { Command } from 'commander'
import type { ControllerView, EventView } from '../../api/contract.ts'
import type { ManorClient } from '../client.ts'
import { type CommonOptions, parsed } from '../command-module.ts'
import type { CliContext } from '../context.ts'
import { say, show } from '../output/print.ts'
import { stateText } from '../output/states.ts'
import { terminalOf } from '../output/terminal.ts'
import { formatDuration } from '../output/units.ts'
import { pad } from '../output/width.ts'
import { parseDuration } from '../quantities.ts'
import { type Goal, waitForController } from '../wait.ts'

export type WaitOptions = { readonly wait?: boolean; readonly timeout?: number }

/** A stop may wait for builds for its whole grace, 20 min unless told otherwise; this leaves room for the rest. */
const WAIT_MS = 30 * 60_000

export const withWait = (command: Command, until: string): Command =>
  command.option('--wait', `stay ${until}, showing each step; exit code 1 if that fails`).addOption(
    parsed('--timeout <duration>', `longest --wait, which it implies (default: ${formatDuration(WAIT_MS)})`, parseDuration).implies({
      wait: true,
    }),
  )

/** The feed's cursor before a request, so that no change after it is missed; asked only for those who wait. */
export const cursorNow = async (client: ManorClient, { wait }: WaitOptions): Promise<string | undefined> =>
  wait ? (await client.ask<readonly EventView[]>('GET', '/events', { query: { limit: 1, newestFirst: true } })).cursor : undefined

type Awaited = { readonly goal: Goal; readonly asked: ControllerView; readonly cursor: string | undefined }

/** Waits for what was asked, with a line for each new phase or reason. As JSON only the end is told. */
export const waitAndTell = async (
  client: ManorClient,
  context: CliContext,
  options: WaitOptions & CommonOptions,
  { goal, asked, cursor }: Awaited,
): Promise<void> => {
  const startedAt = context.clock.monotonic()
  const elapsed = (): string => formatDuration(context.clock.monotonic() - startedAt)
  const terminal = terminalOf(context.stdout, context.env)
  let told = ''
  const onChange = ({ phase, reason }: ControllerView): void => {
    const line = `${stateText('controller', phase, terminal)}${reason ? `  ${reason.message}` : ''}`
    if (options.json || line === told) return
    told = line
    say(context, `${terminal.paint('dim', pad(elapsed(), 6, 'right'))}  ${line}`)
  }
  const view = await waitForController(client, context, { goal, asked, cursor, timeoutMs: options.timeout ?? WAIT_MS, onChange })
  show(context, options.json, view, () => ending(asked.id, goal, view, elapsed()))
}

const ending = (id: string, goal: Goal, view: ControllerView | null, took: string): string => {
  switch (goal) {
    case 'ready':
    case 'restarted':
      return `Controller ${id} is ready after ${took}: ${view?.url ?? ''}`
    case 'stopped':
      return `Controller ${id} is stopped after ${took}. Its home is kept.`
    case 'deleted':
      return `Controller ${id} is deleted.`
  }
}
