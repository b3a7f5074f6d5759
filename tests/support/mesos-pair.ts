/**
 * Several Manors over one framework, with work that is submitted and ends while they take the lead from each other: what is common to that
 * story on the double and on a real Mesos. No task may be lost, and none may start twice.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Observation, Workload, WorkloadId } from '../../src/model/index.ts'
import { integer, type Random, systemClock } from '../../src/runtime/index.ts'
import type { placing } from './mesos-engine.ts'
import { waitFor } from './wait.ts'

type PlacingEngine = ReturnType<typeof placing>

const { signal } = new AbortController()

export type PairStory = {
  readonly seed: number
  readonly random: Random
  /** Where each task writes its name when it starts. */
  readonly directory: string
  readonly count: number
  readonly moves: number
  readonly mostBetweenMs: number
  /** From one submit to the next. */
  readonly submitEveryMs: number
  readonly taskOf: (script: string) => Workload
  /** Opens one more Manor, which takes the lead. */
  readonly lead: () => Promise<PlacingEngine>
  /** Something else that goes wrong instead of a move, or false where it is to be a move. */
  readonly disturb?: (kind: number) => boolean
}

export const playPair = async (story: PairStory): Promise<void> => {
  const { seed, random, directory, moves, mostBetweenMs, submitEveryMs, lead, disturb = () => false } = story
  let leading = await lead()
  const all = workloads(story)
  const work = Promise.all(
    all.map(async (workload, index) => {
      await systemClock.sleep(index * submitEveryMs)
      await started(() => leading, workload, seed)
    }),
  )
  for (let move = 0; move < moves; move++) {
    await systemClock.sleep(integer(random, mostBetweenMs))
    if (disturb(integer(random, 4))) continue
    const before = leading
    leading = await lead()
    // The older one may be cut off before it hears, or hear while it works on.
    if (integer(random, 2) === 0) await before.inner.close()
  }
  await work
  const lines = (): string[] => readFileSync(join(directory, 'started'), 'utf8').trim().split('\n')
  await waitFor(() => new Set(lines()).size === story.count, { what: `each was started; SEED=${seed}`, withinMs: 60_000 })
  assert.deepEqual(lines().toSorted(), all.map(({ id }): string => id).toSorted(), `each was started exactly once; SEED=${seed}`)
  await eachAsItIs(leading, all, seed)
}

const workloads = ({ random, directory, count, taskOf }: PairStory): Workload[] =>
  Array.from({ length: count }, (_, index) => {
    const one = taskOf('')
    const ends = integer(random, 3) > 0 ? `sleep 0.${integer(random, 10)}; exit ${index % 5}` : 'exec sleep 600'
    return { ...one, command: ['sh', '-c', `echo ${one.id} >>${directory}/started; ${ends}`] }
  })

/** What a broker does: asks until it is known to have started, whoever leads. */
const started = async (leading: () => PlacingEngine, workload: Workload, seed: number): Promise<void> => {
  const limit = systemClock.monotonic() + 120_000
  let last: unknown
  for (;;) {
    assert.ok(systemClock.monotonic() < limit, `${workload.id} was never started, SEED=${seed}: ${String(last)}`)
    try {
      const engine = leading()
      const known = (await engine.list(AbortSignal.timeout(5_000))).find(({ id }) => id === workload.id)
      if (known?.startedAt !== undefined) return
      await engine.submit(workload, undefined, AbortSignal.timeout(5_000))
    } catch (cause) {
      last = cause
      // Refused, superseded, or nobody knows: asked again.
    }
    await systemClock.sleep(20)
  }
}

const eachAsItIs = async (engine: PlacingEngine, all: readonly Workload[], seed: number): Promise<void> => {
  const expected = new Map<WorkloadId, number | 'runs'>(
    all
      .map(({ id, command }) => [id, Number(/exit (\d)/.exec(command[2] ?? '')?.[1] ?? Number.NaN)] as const)
      .map(([id, code]) => [id, Number.isNaN(code) ? 'runs' : code]),
  )
  let differ: readonly { readonly id: WorkloadId; readonly end: number | 'runs'; readonly one: Observation | undefined }[] = []
  await waitFor(
    async () => {
      const seen = new Map((await engine.list(signal)).map(one => [one.id, one]))
      differ = [...expected].flatMap(([id, end]) => {
        const one = seen.get(id)
        return (one?.state === 'running' ? 'runs' : one?.exitCode) === end ? [] : [{ id, end, one }]
      })
      return differ.length === 0
    },
    { what: `each is known as it is; SEED=${seed}`, withinMs: 60_000, seen: () => differ },
  )
}
