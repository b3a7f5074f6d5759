import {
  MINUTE,
  type Observation,
  type Rows,
  type Run,
  SECOND,
  type Timestamp,
  usageId,
  type WorkloadId,
  withRuns,
} from '../model/index.ts'
import type { Clock } from '../runtime/index.ts'
import type { FeedEntry, Store } from '../store/index.ts'
import { workloadOfController } from './capacity.ts'

export type UsageBookPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly observer: { get(id: WorkloadId): Observation | undefined }
  readonly onError: (cause: unknown) => void
}

/** Ends that come within this share a write: a busy fleet has a hundred a second, of few templates. */
const WRITE_AFTER_MS = 5 * SECOND
/** Controllers run for weeks: so often what they took so far is written down. */
const LOOK_EVERY_MS = 10 * MINUTE

/**
 * Writes down what ended agents and controllers took, by template and by controller, from what the engine saw of them. Only statistics are lost with
 * it: a crash costs the ends of the last seconds. Reads nothing but observations and rows, and asks nothing of the engine.
 *
 * Memory: one entry for each live controller, and the ends of `WRITE_AFTER_MS`.
 */
export class UsageBook {
  readonly #ports: UsageBookPorts
  readonly #pending = new Map<string, Run[]>()
  /** What controllers were given at their start: their rows may say another size by their end. */
  readonly #given = new Map<WorkloadId, number>()
  #unsubscribe: (() => void) | undefined
  #cancelWrite: (() => void) | undefined
  #cancelLook: (() => void) | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(ports: UsageBookPorts) {
    this.#ports = ports
  }

  start(): void {
    const { store } = this.#ports
    this.#unsubscribe = store.feed.subscribe(entries => this.#follow(entries))
    this.#lookLater()
  }

  /** Writes what it has, and ends. */
  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#cancelLook?.()
    this.#cancelWrite?.()
    this.#write()
    await this.#writing
  }

  /** Something was seen of a workload. */
  observed(observation: Observation): void {
    const { id, labels, state } = observation
    if (labels.kind === 'controller' && state !== 'ended') this.#givenTo(observation)
    if (state !== 'ended') return
    const found = labels.kind === 'agent' ? this.#ofAgent(observation) : this.#ofController(observation, observation.endedAt)
    this.#given.delete(id)
    if (found !== undefined) this.#add(found.key, found.run)
  }

  #ofAgent(observation: Observation): { readonly key: string; readonly run: Run } | undefined {
    const agent = this.#ports.store.get('agent', observation.labels.noun)
    // One that never had a build says nothing of what builds need.
    if (agent?.busyAt === undefined || observation.endedAt === undefined) return undefined
    return { key: usageId('template', agent.template), run: this.#run(observation, observation.endedAt, agent.resources.memoryMb) }
  }

  #ofController(observation: Observation, at: Timestamp | undefined): { readonly key: string; readonly run: Run } | undefined {
    const limitMb = this.#givenTo(observation)
    if (limitMb === undefined || at === undefined) return undefined
    return { key: usageId('controller', observation.labels.noun), run: this.#run(observation, at, limitMb) }
  }

  #givenTo({ id, labels }: Observation): number | undefined {
    const known = this.#given.get(id) ?? this.#ports.store.get('controller', labels.noun)?.spec.memoryMb
    if (known !== undefined) this.#given.set(id, known)
    return known
  }

  #run({ id, reason, startedAt, peakMemoryMb, ranOutOfMemory }: Observation, at: Timestamp, limitMb: number): Run {
    const ranOutOf = ranOutOfMemory ? 'limit' : ranOutOfBy(reason?.code)
    return {
      id,
      at,
      ranMs: Math.max(0, at - (startedAt ?? at)),
      limitMb,
      ...(peakMemoryMb === undefined ? {} : { peakMemoryMb }),
      ...(ranOutOf === undefined ? {} : { ranOutOf }),
    }
  }

  #add(key: string, run: Run): void {
    this.#pending.set(key, [...(this.#pending.get(key) ?? []), run])
    this.#cancelWrite ??= this.#ports.clock.after(WRITE_AFTER_MS, () => {
      this.#cancelWrite = undefined
      this.#write()
    })
  }

  #lookLater(): void {
    this.#cancelLook = this.#ports.clock.after(LOOK_EVERY_MS, () => {
      this.#lookAtControllers()
      this.#lookLater()
    })
  }

  #lookAtControllers(): void {
    const { store, observer, clock } = this.#ports
    const now = clock.now()
    for (const controller of store.list('controller')) {
      const observation = observer.get(workloadOfController(controller))
      if (observation === undefined || observation.state === 'ended' || observation.state === 'unknown') continue
      const found = this.#ofController(observation, now)
      if (found !== undefined) this.#add(found.key, found.run)
    }
  }

  #write(): void {
    if (this.#pending.size === 0) return
    const { store, onError } = this.#ports
    const pending = [...this.#pending]
    this.#pending.clear()
    this.#writing = store
      .transact(tx => {
        for (const [key, runs] of pending) {
          const known = tx.get('usage', key) ?? { id: key, runs: [] }
          const usage = withRuns(known, runs)
          if (usage !== known && isThere(tx, key)) tx.put('usage', usage)
        }
      })
      .catch(onError)
  }

  /** What bears a name that was given up begins with nothing. */
  #follow(entries: readonly FeedEntry[]): void {
    const gone = entries.flatMap(entry => {
      if (!('change' in entry) || entry.change.row !== undefined) return []
      const { kind, id } = entry.change
      return kind === 'template' || kind === 'controller' ? [usageId(kind, id)] : []
    })
    if (gone.length === 0) return
    const { store, onError } = this.#ports
    for (const key of gone) this.#pending.delete(key)
    this.#writing = store
      .transact(tx => {
        for (const key of gone) if (!isThere(tx, key)) tx.remove('usage', key)
      })
      .catch(onError)
  }
}

/** Whether the noun of a usage's id is there. */
const isThere = (rows: { get<K extends 'template' | 'controller'>(kind: K, id: string): Rows[K] | undefined }, key: string): boolean => {
  const slash = key.indexOf('/')
  const name = key.slice(slash + 1)
  return (key.startsWith('template/') ? rows.get('template', name) : rows.get('controller', name)) !== undefined
}

const ranOutOfBy = (code: string | undefined): Run['ranOutOf'] => {
  if (code === 'oom-container' || code === 'oom-child') return 'limit'
  return code === 'oom-heap' ? 'heap' : undefined
}
