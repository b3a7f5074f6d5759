import type { HostId, Milliseconds, Observation, Reason, Workload, WorkloadId } from '../model/index.ts'
import type { Engine } from './engine.ts'

export type SplitEngineOptions = {
  readonly name: string
  readonly controllers: Engine
  readonly agents: Engine
}

/**
 * Controllers on one engine, agents on another: a Marathon keeps controllers alive, and agents come from Mesos' offers without it. Hosts are
 * the agents' engine's, which sees the same machines. What is asked by id alone is asked of both, since the contract has each pass over what
 * is not its own.
 */
export const createSplitEngine = ({ name, controllers, agents }: SplitEngineOptions): Engine => {
  const both = async <Result>(ask: (engine: Engine) => Promise<Result>): Promise<readonly [Result, Result]> =>
    Promise.all([ask(controllers), ask(agents)])
  return {
    name,
    placement: agents.placement,
    controllerPlacement: controllers.placement,
    volumes: controllers.volumes,
    ...(controllers.choosesPorts === undefined ? {} : { choosesPorts: controllers.choosesPorts }),
    ...(controllers.listenAddress === undefined ? {} : { listenAddress: controllers.listenAddress }),
    ...(agents.offers === undefined ? {} : { offers: agents.offers }),
    submit: (workload: Workload, on: HostId | undefined, signal: AbortSignal) =>
      (workload.labels.kind === 'controller' ? controllers : agents).submit(workload, on, signal),
    stop: async (id: WorkloadId, grace: Milliseconds, signal: AbortSignal) => {
      await both(engine => engine.stop(id, grace, signal))
    },
    remove: async (id: WorkloadId, signal: AbortSignal) => {
      await both(engine => engine.remove(id, signal))
    },
    list: async (signal: AbortSignal) => (await both(engine => engine.list(signal))).flat(),
    watch: (signal: AbortSignal) => merged(controllers.watch(signal), agents.watch(signal)),
    hosts: (signal: AbortSignal) => agents.hosts(signal),
    explain: async (id: WorkloadId, signal: AbortSignal): Promise<Reason | undefined> => {
      const [first, second] = await both(engine => engine.explain(id, signal))
      return first ?? second
    },
    logs: async (id: WorkloadId, bytes: number, signal: AbortSignal) => (await both(engine => engine.logs(id, bytes, signal))).join(''),
  }
}

/** Hints of both as they come; ends when both have, rejects when one does. */
async function* merged(first: AsyncIterable<Observation>, second: AsyncIterable<Observation>): AsyncIterable<Observation> {
  type Step = { readonly from: AsyncIterator<Observation>; readonly result: IteratorResult<Observation> }
  const next = async (from: AsyncIterator<Observation>): Promise<Step> => ({ from, result: await from.next() })
  const pending = new Map([first, second].map(each => each[Symbol.asyncIterator]()).map(from => [from, next(from)]))
  try {
    while (pending.size > 0) {
      const { from, result } = await Promise.race(pending.values())
      if (result.done) pending.delete(from)
      else {
        pending.set(from, next(from))
        yield result.value
      }
    }
  } finally {
    // The one that still waits ends with the signal that both were given; its end must not go unheard.
    for (const [from, step] of pending) {
      step.catch(() => undefined)
      void from.return?.().catch(() => undefined)
    }
  }
}
