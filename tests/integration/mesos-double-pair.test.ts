/**
 * Several Manors with one store and one framework id on the double of a Mesos: leadership moves between them, and between masters, while work is
 * submitted and ends; no task is lost and none is doubled. `SEED=N` plays the same again.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { EngineError } from '../../src/engines/index.ts'
import { integer, seededRandom } from '../../src/runtime/index.ts'
import { mesosBench, taskOf, until } from '../support/mesos-double.ts'
import { memoryState, sharedState } from '../support/mesos-engine.ts'
import { playPair } from '../support/mesos-pair.ts'
import { waitFor } from '../support/wait.ts'

const { signal } = new AbortController()
const isSuperseded = (cause: unknown): boolean => cause instanceof EngineError && cause.reason.code === 'superseded'

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
  const calls = [() => first.list(signal), () => first.submit(taskOf('true'), undefined, signal), () => first.stop(one.id, 0, signal)]
  for (const call of calls) await assert.rejects(call, isSuperseded)
  assert.equal(bench.double.calls.get('SUBSCRIBE'), 2)
  await second.stop(one.id, 0, signal)
  await until(second, one.id, 'ended')
})

test('a Manor whose records somebody else leads now writes and launches nothing, though its stream still stands', async () => {
  await using bench = await mesosBench()
  const shared = sharedState(memoryState())
  const farewells: string[] = []
  const { state, mayLead } = shared.lead()
  const first = await bench.open(state, { mayLead, onFarewell: ({ kind }) => farewells.push(kind), patienceMs: 2_000 })
  const one = taskOf('exec sleep 600')
  await first.submit(one, undefined, signal)
  await until(first, one.id, 'running')
  const launched = bench.double.calls.get('ACCEPT')
  const second = shared.lead()
  // It hears of that from the records alone: nobody has subscribed in its place yet.
  await assert.rejects(first.submit(taskOf('true'), undefined, signal), isSuperseded)
  await assert.rejects(first.stop(one.id, 0, signal), isSuperseded)
  await assert.rejects(first.list(signal), isSuperseded)
  assert.deepEqual(farewells, ['superseded'])
  assert.deepEqual(
    [bench.double.calls.get('ACCEPT'), bench.double.calls.get('KILL'), bench.double.calls.get('SUBSCRIBE')],
    [launched, undefined, 1],
  )
  const next = await bench.open(second.state, { mayLead: second.mayLead })
  await until(next, one.id, 'running')
  await next.stop(one.id, 0, signal)
  await until(next, one.id, 'ended')
})

test('leadership moves back and forth under load: no task is lost and none is doubled', async () => {
  const seed = Number(process.env.SEED ?? integer({ next: Math.random, bytes: () => new Uint8Array() }, 1_000_000))
  const random = seededRandom(seed)
  const directory = mkdtempSync(join(tmpdir(), 'manor-mesos-pair-'))
  try {
    await using bench = await mesosBench({ masters: 2, retryFirstMs: 200 })
    const shared = sharedState(memoryState())
    await playPair({
      seed,
      random,
      directory,
      count: 60,
      moves: 10,
      mostBetweenMs: 500,
      submitEveryMs: 50,
      taskOf: script => taskOf(script),
      lead: () => {
        const { state, mayLead } = shared.lead()
        return bench.open(state, { mayLead })
      },
      disturb: kind => {
        if (kind === 0) bench.double.changeLeader({ agentsAfterMs: integer(random, 200) })
        if (kind === 1) bench.double.faults.loseAnswer('ACCEPT', 1 + integer(random, 3))
        return kind < 2
      },
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
})
