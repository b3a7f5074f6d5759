import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineError } from '../engine.ts'
import { type Bench, countLines } from './harness.ts'

const POLITE = `trap 'echo polite; exit 0' TERM; echo ready; while :; do sleep 0.05; done`
const DEAF = `trap '' TERM; echo ready; while :; do sleep 0.05; done`

/** Ends: asked for, by itself, seen or not; and what remains. */
export const endingTests = (bench: () => Bench): void => {
  test('a stop asks politely, once however often it is sent', async () => {
    const { harness, workload, submit, said, ended, signal } = bench()
    const id = await submit(workload(POLITE))
    await said(id, 'ready')
    await Promise.all([harness.engine.stop(id, 60_000, signal), harness.engine.stop(id, 60_000, signal)])
    await harness.engine.stop(id, 60_000, signal)
    const seen = await ended(id)
    assert.equal(seen.reason?.code, 'killed-by-us')
    assert.equal(seen.exitCode, 0)
    assert.equal(countLines(await said(id, 'polite'), 'polite'), 1)
  })

  test('grace, then kill', async () => {
    const { harness, workload, submit, said, ended, until, signal } = bench()
    const id = await submit(workload(DEAF))
    await said(id, 'ready')
    const asked = harness.clock.monotonic()
    await harness.engine.stop(id, 600, signal)
    await until(id, 'stopping', ({ state }) => state === 'stopping')
    const seen = await ended(id)
    assert.ok(harness.clock.monotonic() - asked >= 550, 'it was killed within its grace')
    assert.equal(seen.reason?.code, 'killed-by-us')
    assert.ok(seen.endedAt !== undefined && seen.startedAt !== undefined && seen.endedAt >= seen.startedAt)
  })

  test('a second stop with less grace brings the kill forward', async () => {
    const { harness, workload, submit, said, ended, signal } = bench()
    const id = await submit(workload(DEAF))
    await said(id, 'ready')
    await harness.engine.stop(id, 3_600_000, signal)
    await harness.engine.stop(id, 0, signal)
    assert.equal((await ended(id)).reason?.code, 'killed-by-us')
  })

  test('a stop goes on after a restart', async () => {
    const { harness, workload, submit, said, ended, signal } = bench()
    const id = await submit(workload(DEAF))
    await said(id, 'ready')
    await harness.engine.stop(id, 500, signal)
    await harness.restart()
    assert.equal((await ended(id)).reason?.code, 'killed-by-us')
  })

  test('a stop right after the submit holds', async () => {
    const { harness, workload, submit, ended, signal } = bench()
    const id = await submit(workload('while :; do sleep 0.1; done'))
    await harness.engine.stop(id, 300, signal)
    assert.equal((await ended(id)).reason?.code, 'killed-by-us')
  })

  test('a stop of an unknown workload resolves, and one of an ended one changes nothing', async () => {
    const { harness, workload, submit, ended, observe, signal } = bench()
    await harness.engine.stop(workload('').id, 0, signal)
    const id = await submit(workload('exit 4'))
    const before = await ended(id)
    await harness.engine.stop(id, 0, signal)
    assert.deepEqual(await observe(id), before)
  })

  const exits: readonly (readonly [script: string, exitCode: number, code: string])[] = [
    ['exit 0', 0, 'exit-code'],
    ['exit 3', 3, 'exit-code'],
    ['kill -TERM $$', 143, 'exit-code'],
    ['kill -KILL $$', 137, 'exit-code'],
    ['kill -KILL 0', 137, 'exit-code'],
  ]
  for (const [script, exitCode, code] of exits)
    test(`a workload that ends by "${script}" has exit code ${exitCode}, an end and a reason`, async () => {
      const { harness, workload, submit, ended, signal } = bench()
      const before = harness.clock.now()
      const seen = await ended(await submit(workload(script)))
      assert.equal(seen.exitCode, exitCode)
      assert.equal(seen.reason?.code, code)
      assert.ok(seen.endedAt !== undefined && seen.endedAt >= before - 100 && seen.endedAt <= harness.clock.now() + 100)
      assert.deepEqual(await harness.engine.explain(seen.id, signal), seen.reason)
    })

  test('a program that is not there ends as an invalid spec that names it', async () => {
    const { workload, submit, ended } = bench()
    const seen = await ended(await submit({ ...workload(''), command: ['/no/such/program'] }))
    assert.equal(seen.reason?.code, 'invalid-spec')
    assert.match(seen.reason?.message ?? '', /\/no\/such\/program/)
  })

  test('list after a restart adopts what runs and knows how the rest ended', async () => {
    const { harness, workload, submit, said, until, ended, signal } = bench()
    const runs = await submit(workload('echo "pid $$."; trap "exit 9" TERM; while :; do sleep 0.05; done'))
    const ends = await submit(workload('sleep 0.3; exit 7'))
    await said(runs, 'pid ')
    const before = await until(runs, 'running', ({ state }) => state === 'running')
    await harness.restart()
    const after = await until(runs, 'running', ({ state }) => state === 'running')
    assert.equal(after.startedAt, before.startedAt)
    assert.equal((await ended(ends)).exitCode, 7)
    // It ended while nobody was there; whoever comes later is told the same.
    const { peakMemoryMb: _before, ...told } = await ended(ends)
    await harness.restart()
    // How much it had held at most may be forgotten, where only the old instance had looked.
    const { peakMemoryMb: _after, ...again } = await ended(ends)
    assert.deepEqual(again, told)
    assert.equal((await said(runs, 'pid ')).split('\n').filter(line => line.startsWith('pid ')).length, 1)
    await harness.engine.stop(runs, 10_000, signal)
    assert.equal((await ended(runs)).exitCode, 9)
  })

  test('children that a workload leaves to others are reaped, and end with it', async () => {
    const { workload, submit, ended, gone } = bench()
    const ids = await Promise.all(
      Array.from({ length: 4 }, () =>
        submit(workload('(sleep 0.05 &) ; (sleep 300 &) ; sleep 300 & setsid sleep 300 & sleep 0.2; echo done')),
      ),
    )
    for (const id of ids) assert.equal((await ended(id)).exitCode, 0)
    await gone(ids)
  })

  test('remove forgets an ended workload and refuses one that has not ended', async () => {
    const { harness, workload, submit, until, ended, observe, signal } = bench()
    const id = await submit(workload('echo hello; while :; do sleep 0.1; done'))
    await until(id, 'running', ({ state }) => state === 'running')
    await assert.rejects(harness.engine.remove(id, signal), EngineError)
    assert.equal((await observe(id))?.state, 'running')
    await harness.engine.stop(id, 0, signal)
    await ended(id)
    await harness.engine.remove(id, signal)
    await harness.engine.remove(id, signal)
    assert.equal(await observe(id), undefined)
    assert.equal(await harness.engine.explain(id, signal), undefined)
    await harness.restart()
    assert.equal(await observe(id), undefined)
  })

  test('logs give the end of what was written, both streams, as many bytes as asked for', async () => {
    const { harness, workload, submit, ended, said, signal } = bench()
    const id = await submit(workload('i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "line $i"; done; echo "to the other" >&2; echo last'))
    await ended(id)
    await said(id, 'last')
    const log = await harness.engine.logs(id, 200, signal)
    assert.ok(Buffer.byteLength(log) <= 200)
    assert.match(log, /line 3000\nto the other\nlast\n$/)
    assert.match(await harness.engine.logs(id, 1_048_576, signal), /^line 1\nline 2\n/)
  })

  test('explain has nothing to say of one that runs or is unknown', async () => {
    const { harness, workload, submit, until, signal } = bench()
    const id = await submit(workload('while :; do sleep 0.1; done'))
    await until(id, 'running', ({ state }) => state === 'running')
    assert.equal(await harness.engine.explain(id, signal), undefined)
    assert.equal(await harness.engine.explain(workload('').id, signal), undefined)
    await harness.engine.stop(id, 0, signal)
  })
}
