/** A real process that writes to a real database is killed with SIGKILL at a random moment: what it was told is kept, is kept. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { integer, seededRandom, systemClock } from '../../src/runtime/index.ts'
import { openSqliteStore } from '../../src/store/index.ts'

const ROUNDS = 5
const WRITER = `
  import { openSqliteStore } from ${JSON.stringify(join(import.meta.dirname, '../../src/store/index.ts'))}
  import { systemClock } from ${JSON.stringify(join(import.meta.dirname, '../../src/runtime/index.ts'))}
  const store = await openSqliteStore(process.argv[1], systemClock)
  for (let n = store.list('tenant').length; ; n++) {
    await store.transact(tx => {
      tx.insert('tenant', { id: 't' + n, weight: 1, createdAt: 0 })
      tx.event({ kind: 'tenant', subject: 't' + n, type: 'created', actor: 'test', message: 'created' })
    })
    process.stdout.write(n + '\\n')
  }
`

test('acknowledged writes survive kill -9, half of a commit never does', async t => {
  const seed = Number(process.env.SEED ?? integer(seededRandom(process.pid), 1_000_000))
  t.diagnostic(`SEED=${seed}`)
  const random = seededRandom(seed)
  const directory = await mkdtemp(join(tmpdir(), 'manor-kill-'))
  try {
    const path = join(directory, 'manor.db')
    for (let round = 0; round < ROUNDS; round++) {
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', WRITER, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const killAfter = 50 + integer(random, 400)
      let acknowledged = -1
      let lines = 0
      for await (const line of createInterface({ input: child.stdout })) {
        acknowledged = Number(line)
        if (++lines === killAfter) child.kill('SIGKILL')
      }
      const store = await openSqliteStore(path, systemClock)
      const tenants = store.list('tenant').length
      const events = await store.events({ limit: 100_000 })
      assert.ok(tenants > acknowledged, `${acknowledged + 1} were acknowledged and ${tenants} are there`)
      assert.equal(events.length, tenants, 'a row and its event are kept together or not at all')
      await store.close()
    }
  } finally {
    await rm(directory, { recursive: true })
  }
})
