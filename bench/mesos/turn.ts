import { performance } from 'node:perf_hooks'
import type { MesosEngine } from '../../src/engines/index.ts'
import { type HostOffer, workloadId } from '../../src/model/index.ts'
import { TENANT, taskOf } from './keeper.ts'

/** One start, from the wish for an offer on, in milliseconds. */
export type Turn = {
  /** From the wish for an offer to the first. */
  readonly offerMs: number
  /** From submit (by hand: from the ACCEPT) to TASK_RUNNING being heard. */
  readonly runningMs: number
  /** Of it until the leader has taken the launch on. */
  readonly takenMs: number
  /** Of it until records were kept: the intent, on the disk, and the update before TASK_RUNNING. By hand nothing is kept. */
  readonly keptMs: number
}

/** Asks for an offer, starts one task on the first that comes, gives back the others, and ends it again. `keptMs` counts the writing of records. */
export const oneTurn = async (engine: MesosEngine, name: string, keptMs: () => number): Promise<Turn> => {
  const id = workloadId(name)
  const abort = new AbortController()
  const hints = engine.watch(abort.signal)[Symbol.asyncIterator]()
  const until = async (state: 'running' | 'ended'): Promise<void> => {
    for (;;) {
      const { value, done } = await hints.next()
      if (done) throw new Error(`${name} is not seen ${state}.`)
      if (value.id === id && value.state === state) return
      if (value.id === id && value.state === 'ended') throw new Error(`${name} ended: ${JSON.stringify(value.reason)}`)
    }
  }
  // Hints begin with the first look.
  const running = until('running')
  const began = performance.now()
  const [first, ...others] = await new Promise<readonly HostOffer[]>(resolve => {
    engine.offers.follow({ offered: resolve, gone: () => undefined })
    engine.offers.want(new Set([TENANT]))
  })
  if (first === undefined) throw new TypeError('Offers came that were none.')
  const offered = performance.now()
  const keptBefore = keptMs()
  engine.offers.assign([{ workload: id, host: first.id, offers: [first.offer], ports: [] }])
  await engine.submit(taskOf(id), first.id, abort.signal)
  const taken = performance.now()
  await running
  const ran = performance.now()
  const kept = keptMs() - keptBefore
  const giveBack = (offers: readonly HostOffer[]): void =>
    engine.offers.decline(
      offers.map(({ offer }) => offer),
      1_000,
    )
  // Some may be on their way still, and are nothing that the next turn may begin with.
  engine.offers.follow({ offered: giveBack, gone: () => undefined })
  engine.offers.want(new Set())
  giveBack(others)
  await engine.stop(id, 0, abort.signal)
  await until('ended')
  await engine.remove(id, abort.signal)
  abort.abort()
  return { offerMs: offered - began, takenMs: taken - offered, runningMs: ran - offered, keptMs: kept }
}
