/**
 * Several Manors with one store and one framework id on the double of a Mesos: leadership moves between them, and between masters, while work is
 * submitted and ends; no task is lost and none is doubled. `SEED=N` plays the same again.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { EngineError } from '../../src/engines/index.ts'
import type { Workload, WorkloadId } from '../../src/model/index.ts'
import { integer, type Random, seededRandom, systemClock } from '../../src/runtime/index.ts'
import { type MesosBench, mesosBench, type PlacingEngine, taskOf, until } from '../support/mesos-double.ts'
import { type MesosState, memoryState } from '../support/mesos-engine.ts'
import { waitFor } from '../support/wait.ts'

const { signal } = new AbortController()

test('of two Manors with one framework id exactly one works; the other steps back and does not come again', async () => {
  await using bench = await mesosBench()
  const state = memoryState()
  const farewells: string[] = []
  const first = await bench.open(state, { onFarewell: ({ kind }) => farewells.push(kind), patienceMs: 300 })
  const one = taskOf('exec sleep 600')
  await first.submit(one, undefined, signal)
  await until(first, one.id, 'running')
  const second = await bench.open(state)
  await until(second, one.id, 'running')
  await waitFor(() => farewells.length > 0, { what: 'the first was told' })
  assert.deepEqual(farewells, ['superseded'])
  const isSuperseded = (cause: unknown): boolean => cause instanceof EngineError && cause.reason.code === 'superseded'
  const calls = [() => first.list(signal), () => first.submit(taskOf('true'), undefined, signal), () => first.stop(one.id, 0, signal)]
  for (const call of calls) await assert.rejects(call, isSuperseded)
  assert.equal(bench.double.calls.get('SUBSCRIBE'), 2)
  await second.stop(one.id, 0, signal)
  await until(second, one.id, 'ended')
})

/** A store as it is for several Manors: whoever does not hold the lease any more changes nothing in it. */
const fenced = (state: MesosState, holds: () => boolean): MesosState => {
  const only = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    if (!holds()) throw new Error('The lease is somebody else’s.')
    return work()
  }
  const { tasks } = state
  return {
    ...state,
    tasks: {
      load: () => tasks.load(),
      insert: record => only(() => tasks.insert(record)),
      save: record => only(() => tasks.save(record)),
      delete: workload => only(() => tasks.delete(workload)),
    },
  }
}

const COUNT = 60
const MOVES = 10
const MOST_BETWEEN_MS = 500

type Story = { readonly bench: MesosBench; readonly state: MesosState; readonly random: Random; readonly directory: string }

const workloads = ({ random, directory }: Story): Workload[] =>
  Array.from({ length: COUNT }, (_, index) => {
    const one = taskOf('')
    const ends = integer(random, 3) > 0 ? `sleep 0.${integer(random, 10)}; exit ${index % 5}` : 'exec sleep 600'
    return { ...one, command: ['sh', '-c', `echo ${one.id} >>${directory}/started; ${ends}`] }
  })

/** What a broker does: asks until it is known to have started, whoever leads. */
const started = async (leading: () => PlacingEngine, workload: Workload, seed: number): Promise<void> => {
  const limit = systemClock.monotonic() + 60_000
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

test('leadership moves back and forth under load: no task is lost and none is doubled', async () => {
  const seed = Number(process.env.SEED ?? integer({ next: Math.random, bytes: () => new Uint8Array() }, 1_000_000))
  const random = seededRandom(seed)
  const directory = mkdtempSync(join(tmpdir(), 'manor-mesos-pair-'))
  try {
    await using bench = await mesosBench({ masters: 2, retryFirstMs: 200 })
    const state = memoryState()
    // The lease of the store: who holds it. An engine that was cut off asks before it comes back.
    let lease = 0
    const open = (): Promise<PlacingEngine> => {
      const mine = ++lease
      const holds = (): boolean => lease === mine
      return bench.open(fenced(state, holds), { mayLead: async () => holds() })
    }
    let leading = await open()
    const all = workloads({ bench, state, random, directory })
    const work = Promise.all(
      all.map(async (workload, index) => {
        await systemClock.sleep(index * 50)
        await started(() => leading, workload, seed)
      }),
    )
    for (let move = 0; move < MOVES; move++) {
      await systemClock.sleep(integer(random, MOST_BETWEEN_MS))
      const before = leading
      switch (integer(random, 4)) {
        case 0:
          bench.double.changeLeader({ agentsAfterMs: integer(random, 200) })
          break
        case 1:
          bench.double.faults.loseAnswer('ACCEPT', 1 + integer(random, 3))
          break
        default:
          leading = await open()
          // The older one may be cut off before it hears, or hear while it works on.
          if (integer(random, 2) === 0) await before.inner.close()
      }
    }
    await work
    const lines = (): string[] => readFileSync(join(directory, 'started'), 'utf8').trim().split('\n')
    await waitFor(() => new Set(lines()).size === COUNT, { what: `each was started; SEED=${seed}` })
    await eachOnce(leading, all, lines(), seed)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

const eachOnce = async (engine: PlacingEngine, all: readonly Workload[], lines: readonly string[], seed: number): Promise<void> => {
  assert.deepEqual(lines.toSorted(), all.map(({ id }): string => id).toSorted(), `each was started exactly once; SEED=${seed}`)
  const expected = new Map<WorkloadId, number | 'runs'>(
    all
      .map(({ id, command }) => [id, Number(/exit (\d)/.exec(command[2] ?? '')?.[1] ?? Number.NaN)] as const)
      .map(([id, code]) => [id, Number.isNaN(code) ? 'runs' : code]),
  )
  let differ: unknown
  await waitFor(
    async () => {
      const seen = new Map((await engine.list(signal)).map(one => [one.id, one]))
      differ = [...expected].flatMap(([id, end]) => {
        const one = seen.get(id)
        return (one?.state === 'running' ? 'runs' : one?.exitCode) === end ? [] : [{ id, end, one }]
      })
      return Array.isArray(differ) && differ.length === 0
    },
    { what: `each is known as it is; SEED=${seed}`, seen: () => differ },
  )
}
