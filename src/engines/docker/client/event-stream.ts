import type { Readable } from 'node:stream'
import { type Backoff, backoffDelay, type Clock, type Random } from '../../../runtime/index.ts'
import { DaemonEvent, parse } from './answers.ts'
import type { DockerClient } from './client.ts'
import { LineSplitter } from './frames.ts'

/** What a follower of events is told. After `gap` it must look for itself: what happened meanwhile may be lost. */
export type EventNotice = { readonly kind: 'event'; readonly event: DaemonEvent } | { readonly kind: 'gap' }

export type EventStreamOptions = {
  readonly client: Pick<DockerClient, 'events'>
  readonly clock: Clock
  readonly random: Random
  readonly filters: Readonly<Record<string, readonly string[]>>
  /** Told when the stream broke, before the next try. */
  readonly onBroken: (cause: unknown) => void
  readonly idleMs?: number
}

/**
 * The stream has no heartbeat: a path that died in silence (a firewall that forgot us, a host that lost its power) looks like a daemon where
 * nothing happens. So a stream that was silent for this long is begun anew, which costs one call and one look.
 */
export const IDLE_MS = 60_000
const BACKOFF: Backoff = { firstMs: 200, factor: 2, mostMs: 15_000 }

/** Lines that are remembered, so that what is told twice is known: a daemon tells no more than its last 256 again. */
const REMEMBERED = 256

const TIME = /"timeNano":(\d+)/
const NANOS_PER_SECOND = 1_000_000_000n

/**
 * Follows a daemon's events for as long as the signal permits: reconnects with jittered back-off, asks for what happened since the last one it
 * saw (a daemon remembers 256 at most), leaves out what is told twice, and says `gap` after each reconnection.
 *
 * What is told twice is known by the line itself, not by its time: a daemon takes an event's time before its turn to tell it, so of containers
 * that start and end at once an earlier event often comes after a later one.
 */
export async function* followEvents(options: EventStreamOptions, signal: AbortSignal): AsyncGenerator<EventNotice> {
  const { client, clock, random, filters, onBroken } = options
  let last: bigint | undefined
  const told = new Set<string>()
  let failures = 0
  for (let round = 0; !signal.aborted; round++) {
    const cut = new AbortController()
    const both = AbortSignal.any([signal, cut.signal])
    try {
      const body = await client.events({ filters, ...(last === undefined ? {} : { since: secondsOf(last) }) }, both)
      failures = 0
      if (round > 0) yield { kind: 'gap' }
      for await (const line of watched(body, cut, clock, options.idleMs ?? IDLE_MS)) {
        if (told.has(line)) continue
        const at = BigInt(TIME.exec(line)?.[1] ?? 0)
        if (last === undefined || at > last) last = at
        remember(told, line)
        yield { kind: 'event', event: parse(DaemonEvent, line) }
      }
    } catch (cause) {
      if (signal.aborted) return
      failures++
      if (!cut.signal.aborted) onBroken(cause)
    } finally {
      cut.abort()
    }
    // One that ended in peace (the daemon is being stopped, a proxy cut it) is taken up again soon, but never in a tight loop.
    await clock.sleep(backoffDelay(BACKOFF, Math.max(1, failures), random), signal).catch(() => undefined)
  }
}

const remember = (told: Set<string>, line: string): void => {
  told.add(line)
  if (told.size <= REMEMBERED) return
  for (const oldest of told) {
    told.delete(oldest)
    return
  }
}

/** The lines of a stream, which is cut where nothing comes for so long. */
async function* watched(body: Readable, cut: AbortController, clock: Clock, idleMs: number): AsyncGenerator<string> {
  const splitter = new LineSplitter()
  const wait = (): (() => void) => clock.after(idleMs, () => cut.abort(new DOMException('The stream was silent.', 'TimeoutError')))
  let cancel = wait()
  try {
    for await (const chunk of body) {
      cancel()
      cancel = wait()
      yield* splitter.push(chunk)
    }
  } finally {
    cancel()
  }
}

const secondsOf = (nanos: bigint): string => `${nanos / NANOS_PER_SECOND}.${String(nanos % NANOS_PER_SECOND).padStart(9, '0')}`
