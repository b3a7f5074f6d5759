/** The bench's quick size on a real Mesos, held to its counts: what the clock says is for `bench/run mesos`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QUICK_REAL } from '../../bench/mesos/bench.ts'
import { runOnReal } from '../../bench/mesos/on-real.ts'
import { givenCluster } from '../support/mesos-engine.ts'

test('200 tasks on 40 real agents: each started once, all adopted after kill -9, none doubled, none left', async context => {
  if (givenCluster() !== undefined) {
    context.diagnostic('It starts hundreds of tasks, which is not for a cluster of others.')
    return
  }
  const { tasks } = QUICK_REAL
  const turns = 3
  const real = await runOnReal({ ...QUICK_REAL, turns, forMs: 500 }, line => context.diagnostic(line))
  assert.deepEqual([real.ours.length, real.byHand.length], [turns, turns])
  assert.deepEqual({ ended: real.filled.ended, refused: real.filled.refused }, { ended: 0, refused: 0 })
  const names = real.runningBefore.toSorted()
  assert.equal(new Set(names).size, tasks)
  assert.deepEqual(real.everStarted.toSorted(), names, 'Mesos knows of no other task, before the kill or after it')
  assert.deepEqual(real.runningAfter.toSorted(), names)
  assert.deepEqual(real.adopted.tasks.toSorted(), names)
  assert.equal(real.processes, 2 * tasks, 'an executor and its command each')
  assert.equal(real.left, 0)
})
