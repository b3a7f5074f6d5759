import type { HostId, Observation, Timestamp, WorkloadId } from '../../model/index.ts'
import { BYTES_PER_MEBIBYTE } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { LAST_WORDS_BYTES } from '../process/java-heap.ts'
import type { Inspected, Stats, Summary } from './client/answers.ts'
import type { DockerClient } from './client/client.ts'
import { DockerError } from './client/errors.ts'
import { containerName, LABEL, ownerLabel } from './labels.ts'
import { logTail } from './log-tail.ts'
import { type Beside, hasEnded, observationOf, type Reach, readContainer, type Seen, wantsLastWords } from './observe.ts'
import type { Outages } from './outages.ts'

export type ObservedOptions = {
  readonly client: DockerClient
  readonly owner: string
  readonly clock: Clock
  readonly host: HostId
  readonly reach: Reach
  readonly outages: Outages
  readonly stopOf: (id: WorkloadId) => Beside['stop']
  readonly isStarting: (id: WorkloadId) => boolean
}

/** Questions to a daemon at a time, for one list: each is answered from its memory within a millisecond or two. */
const QUESTIONS_AT_A_TIME = 8
/** Memory in use is asked for so often, container by container; in between the last figure stands. */
const SAMPLE_EVERY_MS = 5_000

type Entry = {
  seen: Seen
  /** Looked at again by the next list, whatever its state is. */
  stale: boolean
  oomAt?: Timestamp
  sampledAt?: number
  memoryMb?: number
  peakMemoryMb?: number
  lastWords?: string
}

/**
 * What is on one daemon. A list costs one call, and one more for each container that changed since the last: an ended one is inspected once.
 * Memory is linear in the containers that are there.
 */
export class Observed {
  readonly #options: ObservedOptions
  readonly #entries = new Map<string, Entry>()

  constructor(options: ObservedOptions) {
    this.#options = options
  }

  /** Containers that were made and not started, of starts that are not under way: [container, made at]. */
  readonly abandoned = new Map<string, Timestamp>()

  async list(signal: AbortSignal): Promise<readonly Observation[]> {
    const { client, owner } = this.#options
    const summaries = await client.listContainers([ownerLabel(owner), LABEL.workload], signal)
    await eachOf(summaries, summary => this.#look(summary, signal))
    const there = new Set(summaries.map(({ Id }) => Id))
    for (const id of this.#entries.keys()) if (!there.has(id)) this.#entries.delete(id)
    this.#noteAbandoned(summaries)
    return this.known()
  }

  /** As it was last seen. */
  known(): readonly Observation[] {
    return [...this.#entries.values()].filter(({ seen }) => this.#isTold(seen)).map(entry => this.#observation(entry))
  }

  /** One container as it was last seen; undefined where it never was. */
  of(containerId: string): Observation | undefined {
    const entry = this.#entries.get(containerId)
    return entry === undefined ? undefined : this.#observation(entry)
  }

  /** Looks at one workload; undefined where it is not there. */
  async one(id: WorkloadId, signal: AbortSignal): Promise<{ readonly seen: Seen; readonly observation: Observation } | undefined> {
    const { client, owner } = this.#options
    const entry = await this.#take(await client.inspectContainer(containerName(owner, id), signal), signal)
    return entry?.seen.told.id === id ? { seen: entry.seen, observation: this.#observation(entry) } : undefined
  }

  /** Looks at the container of an event; undefined where it is gone, or no workload of ours. */
  async container(containerId: string, signal: AbortSignal): Promise<Observation | undefined> {
    const entry = await this.#take(await this.#options.client.inspectContainer(containerId, signal), signal)
    if (entry === undefined) this.#entries.delete(containerId)
    return entry !== undefined && this.#isTold(entry.seen) ? this.#observation(entry) : undefined
  }

  /** A process of it was killed for memory. Kept for one that is not known yet, too: events come before the first look. */
  readonly ooms = new Map<string, Timestamp>()

  /** After a gap in the events nothing that is held to be so is believed without a look. */
  doubtAll(): void {
    for (const entry of this.#entries.values()) entry.stale = true
  }

  forget(containerId: string): void {
    this.#entries.delete(containerId)
    this.ooms.delete(containerId)
  }

  takenPorts(): ReadonlySet<number> {
    return new Set([...this.#entries.values()].filter(({ seen }) => !hasEnded(seen)).flatMap(({ seen }) => Object.values(seen.told.ports)))
  }

  tenants(): ReadonlySet<string> {
    return new Set([...this.#entries.values()].map(({ seen }) => seen.told.tenant))
  }

  isThere(id: WorkloadId): boolean {
    return [...this.#entries.values()].some(({ seen }) => seen.told.id === id)
  }

  /** A container that was made but not started is a start under way, or nothing: whoever wants it submits it again. */
  #isTold({ status, told }: Seen): boolean {
    return status !== 'created' || this.#options.isStarting(told.id)
  }

  #observation(entry: Entry): Observation {
    const { host, reach, stopOf, outages } = this.#options
    const { seen } = entry
    const stop = stopOf(seen.told.id)
    const oomAt = this.ooms.get(seen.containerId)
    const beside: Beside = {
      ...(stop === undefined ? {} : { stop }),
      ...(oomAt === undefined ? {} : { oomAt }),
      ...(entry.memoryMb === undefined ? {} : { memoryMb: entry.memoryMb }),
      ...(entry.peakMemoryMb === undefined ? {} : { peakMemoryMb: entry.peakMemoryMb }),
      ...(entry.lastWords === undefined ? {} : { lastWords: entry.lastWords }),
      daemonWasAway: seen.finishedAt !== undefined && outages.covers(seen.finishedAt),
    }
    return observationOf(seen, beside, host, reach)
  }

  async #look({ Id, State }: Summary, signal: AbortSignal): Promise<void> {
    const known = this.#entries.get(Id)
    const entry =
      known === undefined || known.stale || known.seen.status !== State
        ? await this.#take(await this.#options.client.inspectContainer(Id, signal), signal)
        : known
    if (entry !== undefined && State === 'running') await this.#sample(entry, signal)
  }

  async #take(inspected: Inspected | undefined, signal: AbortSignal): Promise<Entry | undefined> {
    const seen = inspected === undefined ? undefined : readContainer(inspected)
    if (seen === undefined || seen.told.labels.owner !== this.#options.owner) return undefined
    // First, so that nobody is told of an end without what it says of why.
    const lastWords = this.#entries.get(seen.containerId)?.lastWords ?? (await this.#lastWordsOf(seen, signal))
    const known = this.#entries.get(seen.containerId)
    // Of two looks that overtook each other, the one that saw the end is right.
    const entry: Entry = known ?? { seen, stale: false }
    if (known === undefined) this.#entries.set(seen.containerId, entry)
    else if (!hasEnded(known.seen) || hasEnded(seen)) known.seen = seen
    entry.stale = false
    if (lastWords !== undefined) entry.lastWords = lastWords
    return entry
  }

  async #lastWordsOf(seen: Seen, signal: AbortSignal): Promise<string | undefined> {
    const { client, stopOf } = this.#options
    const stop = stopOf(seen.told.id)
    if (!wantsLastWords(seen, stop === undefined ? {} : { stop })) return undefined
    try {
      return await logTail(client, seen.containerId, LAST_WORDS_BYTES, signal)
    } catch (cause) {
      // A log that the daemon cannot read must not hide the end, nor everything else that is there.
      if (cause instanceof DockerError) return ''
      throw cause
    }
  }

  async #sample(entry: Entry, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options
    const now = clock.monotonic()
    if (entry.sampledAt !== undefined && now - entry.sampledAt < SAMPLE_EVERY_MS) return
    entry.sampledAt = now
    const stats = await client.stats(entry.seen.containerId, signal)
    const use = stats === undefined ? undefined : memoryOf(stats)
    if (use === undefined) return
    entry.memoryMb = use.memoryMb
    entry.peakMemoryMb = Math.max(entry.peakMemoryMb ?? 0, use.peakMemoryMb)
  }

  #noteAbandoned(summaries: readonly Summary[]): void {
    this.abandoned.clear()
    for (const { Id, State, Created } of summaries) {
      const entry = this.#entries.get(Id)
      if (State === 'created' && entry !== undefined && !this.#isTold(entry.seen)) this.abandoned.set(Id, Created * 1_000)
    }
  }
}

/**
 * Memory in use as Docker's own client counts it: without what the kernel would give back (cache in version 1, inactive files in version 2).
 * The highest is the kernel's own figure in version 1; in version 2 the API has none, and it is the highest that was seen.
 */
export const memoryOf = ({ memory_stats: memory }: Stats): { readonly memoryMb: number; readonly peakMemoryMb: number } | undefined => {
  if (memory?.usage === undefined) return undefined
  const spare = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0
  const memoryMb = toMebibytes(Math.max(0, memory.usage - spare))
  return { memoryMb, peakMemoryMb: memory.max_usage === undefined ? memoryMb : toMebibytes(memory.max_usage) }
}

const toMebibytes = (bytes: number): number => Math.round(bytes / BYTES_PER_MEBIBYTE)

/** Works through them, so many at a time; the first failure ends it. */
const eachOf = async <Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> => {
  const rest = items[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(QUESTIONS_AT_A_TIME, items.length) }, worker))
}
