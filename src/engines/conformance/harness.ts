import assert from 'node:assert/strict'
import type { HostId, Milliseconds, Observation, Workload, WorkloadId } from '../../model/index.ts'
import { tenantId, workloadId } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import type { Engine } from '../engine.ts'

/** A thing that not every engine can do or not every machine permits: there, or why it is not, in a sentence for a person. */
export type Capability = true | { readonly absent: string }

export type EngineCapabilities = {
  /** A workload that outgrows its memory is killed, and the engine can tell. */
  readonly memoryLimit: Capability
  /** Under contention, cores are shared by what the workloads asked for. */
  readonly cpuWeight: Capability
  /** What an ended workload leaves behind is found even where it left the process group and wiped its environment. */
  readonly leftoversWithoutTrace: Capability
  /** A workload cannot read, see or signal one of another account. */
  readonly accountIsolation: Capability
  /** The harness can make a host fall silent: `loseHost`. */
  readonly hostLoss: Capability
  /** The harness can break the stream of hints: `cutWatch`. */
  readonly watchGaps: Capability
  /** The harness can make the far side never answer: `hang`. */
  readonly hangs: Capability
}

/** What the suite needs of an engine under test. One harness serves one run of the suite; every test uses ids of its own. */
export type EngineHarness = {
  /** The engine that stands now: the newest of `restart`. */
  readonly engine: Engine
  readonly owner: string
  /** Where workloads are put, for engines that leave the choice to us. */
  readonly host: HostId | undefined
  readonly image?: string
  /** Time as the engine sees it; `sleep` must pass even where nothing else keeps the program alive. */
  readonly clock: Clock
  /** How long anything may take that is not itself a wait, on this engine. */
  readonly patienceMs: Milliseconds
  /** A new instance over the same far side, as after `kill -9` of Manor: nothing of the old one is closed or told. */
  restart(): Promise<Engine>
  /** An engine of another owner over the same far side. */
  engineOf(owner: string): Promise<Engine>
  /** A command that runs a POSIX shell script in a workload. */
  shell(script: string): readonly string[]
  /** Whatever still exists of these ended workloads on the far side: processes, zombies. Empty is right. */
  leftovers(ids: readonly WorkloadId[]): Promise<readonly string[]>
  /** Listens on a port where the workloads would, on a number that it chooses; the returned function ends that. */
  occupyPort(): Promise<{ readonly port: number; release(): Promise<void> }>
  loseHost?(): Promise<{ restore(): Promise<void> }>
  cutWatch?(): Promise<void>
  hang?(): Promise<{ restore(): Promise<void> }>
  /** Ends everything, far side included. */
  dispose(): Promise<void>
}

/** What each test works with. */
export type Bench = {
  readonly harness: EngineHarness
  /** Aborts only if a test hangs. */
  readonly signal: AbortSignal
  /** A workload of its own id that runs a script. */
  workload(script: string, extra?: Partial<Workload>): Workload
  submit(workload: Workload): Promise<WorkloadId>
  observe(id: WorkloadId): Promise<Observation | undefined>
  /** Looks until the observation is right; fails with the last one where that takes too long. */
  until(id: WorkloadId, what: string, right: (observation: Observation) => boolean): Promise<Observation>
  ended(id: WorkloadId): Promise<Observation>
  /** Looks until the workload has said this. */
  said(id: WorkloadId, text: string): Promise<string>
  /** Looks until nothing of these ended workloads is left. */
  gone(ids: readonly WorkloadId[]): Promise<void>
}

const LOOK_EVERY_MS = 20
const LOG_BYTES = 65_536

export const createBench = (harness: EngineHarness): Bench => {
  const signal = new AbortController().signal
  const run = harness.clock.now().toString(36)
  let count = 0
  const poll = async <Value>(what: () => Promise<Value | undefined>, failure: () => string): Promise<Value> => {
    const until = harness.clock.monotonic() + harness.patienceMs
    for (;;) {
      const value = await what()
      if (value !== undefined) return value
      assert.ok(harness.clock.monotonic() < until, failure())
      await harness.clock.sleep(LOOK_EVERY_MS)
    }
  }
  const observe = async (id: WorkloadId): Promise<Observation | undefined> =>
    (await harness.engine.list(signal)).find(observation => observation.id === id)
  const until: Bench['until'] = async (id, what, right) => {
    let last: Observation | undefined
    const look = async (): Promise<Observation | undefined> => {
      last = await observe(id)
      return last && right(last) ? last : undefined
    }
    return poll(look, () => `${id} was not ${what} within ${harness.patienceMs} ms, last seen: ${JSON.stringify(last)}`)
  }
  return {
    harness,
    signal,
    observe,
    until,
    workload: (script, extra = {}) => {
      const id = workloadId(`w-${run}-${++count}`)
      return {
        id,
        labels: { owner: harness.owner, kind: 'agent', noun: `agent-${count}`, epoch: 1 },
        tenant: tenantId('team-a'),
        account: 'agents/team-a',
        command: harness.shell(script),
        environment: {},
        files: [],
        mounts: [],
        resources: { cpu: 1, memoryMb: 128, diskMb: 0 },
        ports: {},
        graceMs: 1_000,
        ...(harness.image === undefined ? {} : { image: harness.image }),
        ...extra,
      }
    },
    submit: async workload => {
      await harness.engine.submit(workload, harness.host, signal)
      return workload.id
    },
    ended: id => until(id, 'ended', ({ state }) => state === 'ended'),
    gone: async ids => {
      let left: readonly string[] = []
      const look = async (): Promise<true | undefined> => {
        left = await harness.leftovers(ids)
        return left.length === 0 ? true : undefined
      }
      await poll(look, () => `left after ${harness.patienceMs} ms: ${left.join(', ')}`)
    },
    said: async (id, text) => {
      let log = ''
      const look = async (): Promise<string | undefined> => {
        log = await harness.engine.logs(id, LOG_BYTES, signal)
        return log.includes(text) ? log : undefined
      }
      return poll(look, () => `${id} did not say "${text}" within ${harness.patienceMs} ms, but: ${log.slice(-500)}`)
    },
  }
}

/** How often a line stands in a text. */
export const countLines = (text: string, line: string): number => text.split('\n').filter(one => one.trim() === line).length
