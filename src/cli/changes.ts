import type { Change, EventView } from '../api/contract.ts'
import { type Backoff, backoffDelay, type Clock, type Random } from '../runtime/index.ts'
import { CliError, EXIT } from './errors.ts'
import { EventStreamParser, type ServerSentEvent } from './sse.ts'

export type FeedMessage =
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'event'; readonly event: EventView }
  /** The cursor was too old or Manor restarted: what is shown must be read anew. */
  | { readonly kind: 'reset' }
  /** The connection is gone and is being made again. Said once for each loss. */
  | { readonly kind: 'lost' }

/** Opens the feed's body after a cursor. */
export type OpenChanges = (cursor: string | undefined, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>

export type FollowOptions = { readonly clock: Clock; readonly random: Random; readonly signal: AbortSignal }

/** The server writes a comment every 15 s, so three that are missing mean that the connection is dead though nobody closed it. */
const SILENCE_MS = 45_000
const RECONNECT: Backoff = { firstMs: 250, factor: 2, mostMs: 5_000 }
/** Tries in a row before giving up: some four minutes, more than a restart of Manor takes. */
export const MAX_RECONNECTS = 50

/**
 * Follows the change feed for ever, over lost connections: each comes back where the last one ended. Ends by its signal (rejects with its
 * reason), by a refusal that coming back does not mend, and after MAX_RECONNECTS tries in a row.
 */
export async function* followChanges(open: OpenChanges, after: string | undefined, options: FollowOptions): AsyncGenerator<FeedMessage> {
  const position: Position = { cursor: after }
  let failures = 0
  for (;;) {
    try {
      for await (const message of oneConnection(open, position, options)) {
        failures = 0
        const known = decode(message)
        if (known) yield known
      }
    } catch (error) {
      options.signal.throwIfAborted()
      if (isFinal(error) || failures >= MAX_RECONNECTS) throw error
    }
    options.signal.throwIfAborted()
    failures++
    if (failures === 1) yield { kind: 'lost' }
    await options.clock.sleep(backoffDelay(RECONNECT, failures, options.random), options.signal)
  }
}

/** Where in the feed a reader is: the id that came last. An id may come without an event, to say from where to resume. */
type Position = { cursor: string | undefined }

/** The events of one connection, until it ends or falls silent. */
async function* oneConnection(open: OpenChanges, position: Position, { clock, signal }: FollowOptions): AsyncGenerator<ServerSentEvent> {
  const silence = new AbortController()
  let cancel = (): void => {}
  const heard = (): void => {
    cancel()
    cancel = clock.after(SILENCE_MS, () => silence.abort(new CliError('The change feed fell silent.', EXIT.failed)))
  }
  try {
    heard()
    const parser = new EventStreamParser()
    for await (const chunk of await open(position.cursor, AbortSignal.any([signal, silence.signal]))) {
      heard()
      const events = parser.push(chunk)
      // All events of the chunk are handed on before a connection is made anew, so its last id stands for them all.
      if (parser.lastId !== '') position.cursor = parser.lastId
      yield* events
    }
  } finally {
    cancel()
  }
}

const decode = ({ event, data }: ServerSentEvent): FeedMessage | undefined => {
  switch (event) {
    case 'change':
      return { kind: 'change', change: JSON.parse(data) as Change }
    case 'event':
      return { kind: 'event', event: JSON.parse(data) as EventView }
    case 'reset':
      return { kind: 'reset' }
    default:
      // A newer Manor may tell more than this command line knows.
      return undefined
  }
}

/** A wrong token or a missing permission stays wrong; a Manor that is down comes back. */
const isFinal = (error: unknown): boolean =>
  error instanceof Error && 'problem' in error && error instanceof CliError && error.exitCode === EXIT.usage
