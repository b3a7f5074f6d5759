import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakePlan } from '../../../simulator/runner/fake-simulate.ts'
import { Pool } from '../../../simulator/runner/pool.ts'
import type { Amount, Progress } from '../display/progress.ts'
import { runOnce } from './run-once.ts'

const FAKE = join(import.meta.dirname, '../../../simulator/runner/fake-simulate.ts')

test('a run says how far it is: virtual time, wall time, builds', async () => {
  await using pool = new Pool({ workers: 1, module: FAKE })
  const told: [text: string, amount: Amount | undefined][] = []
  const ignored = (): void => undefined
  const progress: Progress = {
    step: ignored,
    update: (_id, text, amount) => told.push([text, amount]),
    done: ignored,
    fail: ignored,
    log: ignored,
    say: ignored,
    close: ignored,
  }
  const hour = 3_600_000
  await runOnce(fakePlan({ activeMs: hour }), pool, new AbortController().signal, progress)
  assert.deepEqual(told, [['30m of 1h in 1.5s; 1,234 builds run, 5 wait', { done: hour / 2, total: hour }]])
})
