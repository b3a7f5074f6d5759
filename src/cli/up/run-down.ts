import type { AgentView, ControllerView } from '../../api/contract.ts'
import { isAtRest } from '../../model/index.ts'
import { ApiError, ManorClient } from '../client.ts'
import type { CommonOptions } from '../command-module.ts'
import { homeOf } from '../connection.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { createProgress, type Progress } from '../display/progress.ts'
import { CliError } from '../errors.ts'
import { count } from '../output/units.ts'
import { beginManor } from './begin.ts'
import { takeDown } from './run-up.ts'
import { isAlive, runningManor } from './running.ts'

export type DownOptions = CommonOptions & { readonly now?: boolean }

const LOOK_EVERY_MS = 200

/** Stops all of a home: through the Manor that runs there, or, where none does, through one that is started for it. */
export const runDown = async (context: CliContext, options: DownOptions): Promise<void> => {
  const home = homeOf(options, context.env)
  const progress = createProgress(context, context.stdout)
  try {
    const running = await runningManor(home)
    if (running === undefined) await downWithout(context, progress, options)
    else await downThrough(context, progress, options, running.pid)
  } finally {
    progress.close()
  }
}

/** After ctrl-C or a crash the controllers run on without a Manor: one is started that does nothing but stop them. */
const downWithout = async (context: CliContext, progress: Progress, options: DownOptions): Promise<void> => {
  const manor = await beginManor(context, progress, { ...options, port: 0, onShutdown: () => undefined })
  try {
    await takeDown(manor, progress, options.now ?? false, context.signal)
  } finally {
    await manor.stop()
  }
}

const downThrough = async (context: CliContext, progress: Progress, options: DownOptions, pid: number): Promise<void> => {
  const client = new ManorClient(context, options)
  const before = await client.get<ControllerView[]>('/controllers')
  await client.send('POST', '/shutdown', { controllers: true, now: options.now ?? false })
  const up = new Map<string, ControllerView>(before.filter(({ phase }) => !isAtRest(phase)).map(view => [view.id, view]))
  const running = up.size
  for (const id of up.keys()) progress.step(`stop ${id}`, `controller ${id}`)
  while (isAlive(pid)) {
    await showOnce(client, progress, up)
    await context.clock.sleep(LOOK_EVERY_MS, context.signal).catch((cause: unknown) => {
      throw context.signal.aborted
        ? new CliError(`Manor goes on stopping without being watched. ${PROGRAM} status shows how far it is.`)
        : cause
    })
  }
  // It ends only when all of them are stopped, and its last answer may have been from before.
  for (const id of up.keys()) progress.done(`stop ${id}`, 'stopped')
  progress.say(
    before.length === 0
      ? 'Manor has ended; there was no controller.'
      : `Manor has ended, and ${count(running, 'controller')} with it. ${PROGRAM} up brings back what was wanted running.`,
  )
}

const showOnce = async (client: ManorClient, progress: Progress, up: Map<string, ControllerView>): Promise<void> => {
  const seen = await Promise.all([client.get<ControllerView[]>('/controllers'), client.get<AgentView[]>('/agents', { live: true })]).catch(
    (cause: unknown) => {
      // It closes its door a moment before it ends.
      if (cause instanceof CliError && !(cause instanceof ApiError)) return undefined
      throw cause
    },
  )
  if (seen === undefined) return
  const [controllers, agents] = seen
  for (const view of controllers) {
    const last = up.get(view.id)
    if (last === undefined) continue
    if (isAtRest(view.phase)) {
      progress.done(`stop ${view.id}`, 'stopped')
      up.delete(view.id)
      continue
    }
    const own = agents.filter(({ controller }) => controller === view.id).length
    const text = `${view.phase}${view.reason ? `: ${view.reason.message}` : ''}${own > 0 ? ` (${count(own, 'agent')} left)` : ''}`
    if (view.phase !== last.phase || view.reason?.message !== last.reason?.message) progress.update(`stop ${view.id}`, text)
    up.set(view.id, view)
  }
}
