import type { ControllerView } from '../api/contract.ts'
import { deadline } from '../runtime/index.ts'
import { type FeedMessage, followChanges } from './changes.ts'
import { ApiError, type ManorClient, path } from './client.ts'
import type { CliContext } from './context.ts'
import { CliError, EXIT } from './errors.ts'
import { formatDuration } from './output/units.ts'

/** What somebody waits for a controller to become. */
export type Goal = 'ready' | 'restarted' | 'stopped' | 'deleted'

export type Verdict = 'waiting' | 'reached' | { readonly failed: string }

/**
 * Whether a controller has become what was asked, seen from how it was when the request was taken (`asked`). A failure or a stop that was
 * there before the request is no answer to it. Pure.
 */
export const judge = (goal: Goal, asked: ControllerView, now: ControllerView | null): Verdict => {
  if (now === null) return goal === 'deleted' ? 'reached' : { failed: `Controller ${asked.id} was deleted meanwhile.` }
  const fresh = now.phaseSince > asked.phaseSince || now.epoch !== asked.epoch || now.phase !== asked.phase
  switch (goal) {
    case 'ready':
      if (now.phase === 'ready') return 'reached'
      break
    case 'restarted':
      if (now.phase === 'ready' && now.epoch > asked.epoch) return 'reached'
      break
    case 'stopped':
      if (now.phase === 'stopped') return 'reached'
      break
    case 'deleted':
      break
  }
  if (now.wanted !== asked.wanted) return { failed: `Somebody else asked meanwhile for controller ${asked.id} to be ${now.wanted}.` }
  if (now.phase === 'failed' && fresh) return { failed: failure(now) }
  return 'waiting'
}

const failure = ({ id, reason }: ControllerView): string =>
  `Controller ${id} failed${reason ? `: ${reason.message}${reason.mend ? ` ${reason.mend}` : ''}` : '.'}`

export type WaitRequest = {
  readonly goal: Goal
  readonly asked: ControllerView
  /** The feed's cursor from before the request. */
  readonly cursor: string | undefined
  readonly timeoutMs: number
  /** Called with each new state, the first one included. */
  readonly onChange: (view: ControllerView) => void
}

/** Follows one controller until it is what was asked; resolves with it (null where it is gone). Throws a CliError, exit code 1, where it fails or takes too long. */
export const waitForController = async (
  client: ManorClient,
  context: CliContext,
  { goal, asked, cursor, timeoutMs, onChange }: WaitRequest,
): Promise<ControllerView | null> => {
  const limit = deadline(context.clock, timeoutMs, context.signal)
  try {
    let verdict = judge(goal, asked, asked)
    let latest: ControllerView | null = asked
    onChange(asked)
    const feed = followChanges((after, signal) => client.openChanges(after, signal), cursor, { ...context, signal: limit.signal })
    while (verdict === 'waiting') {
      const next = await feed.next()
      const view = next.done ? undefined : await viewIn(next.value, asked, client)
      // The feed begins before the request, so older states of the controller may come first.
      if (view === undefined || (view !== null && view.revision < (latest?.revision ?? 0))) continue
      if (view !== null) onChange(view)
      latest = view
      verdict = judge(goal, asked, view)
    }
    await feed.return(undefined)
    if (verdict === 'reached') return latest
    throw new CliError(verdict.failed, EXIT.failed)
  } catch (error) {
    if (limit.signal.aborted && !context.signal.aborted)
      throw new CliError(
        `Controller ${asked.id} was not ${goal} after ${formatDuration(timeoutMs)}; Manor goes on with it. See why with: controller explain ${asked.id}`,
        EXIT.failed,
        { cause: error },
      )
    throw error
  } finally {
    limit.done()
  }
}

const viewIn = async (message: FeedMessage, { id }: ControllerView, client: ManorClient): Promise<ControllerView | null | undefined> => {
  if (message.kind === 'change') return message.change.kind === 'controller' && message.change.id === id ? message.change.view : undefined
  if (message.kind !== 'reset') return undefined
  try {
    return await client.get<ControllerView>(path`/controllers/${id}`)
  } catch (error) {
    if (error instanceof ApiError && error.problem.status === 404) return null
    throw error
  }
}
