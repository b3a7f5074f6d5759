import type { FastifyReply } from 'fastify'
import { deadline } from '../runtime/index.ts'
import type { ChangeHub } from './change-hub.ts'
import { CURSOR_HEADER } from './contract.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import type { ApiPorts } from './ports.ts'
import type { Projection } from './projection.ts'
import { ENGINE_TIMEOUT_MS } from './queries.ts'

/** What routes are made from. */
export type Context = {
  readonly ports: ApiPorts
  readonly projection: Projection
  readonly hub: ChangeHub
  readonly failed: FailedAttempts
  readonly startedAt: number
}

/** Puts the feed's cursor on an answer; call it in the same turn as the rows are read, before them where the read waits. */
export const markCursor = (reply: FastifyReply, { hub }: Pick<Context, 'hub'>): void => {
  reply.header(CURSOR_HEADER, hub.cursor)
}

/** Asks something outside, with a bound on the wait. */
export const ask = async <T>(
  { ports }: Pick<Context, 'ports'>,
  parent: AbortSignal,
  question: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const limit = deadline(ports.clock, ENGINE_TIMEOUT_MS, parent)
  const { promise: over, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(limit.signal.reason)
  limit.signal.addEventListener('abort', onAbort, { once: true })
  try {
    // Whoever is asked may not hear the signal: the caller gets its answer in time all the same.
    return await Promise.race([question(limit.signal), over])
  } finally {
    limit.signal.removeEventListener('abort', onAbort)
    limit.done()
  }
}
