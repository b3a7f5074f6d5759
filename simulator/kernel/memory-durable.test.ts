import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { tenantId } from '../../src/model/index.ts'
import { VirtualClock } from '../../src/runtime/index.ts'
import { type Durable, Store, sqliteDurable } from '../../src/store/index.ts'
import { MemoryDurable } from './memory-durable.ts'

const change = (store: Store, id: string, weight: number | undefined, flush = false): Promise<void> =>
  store.transact(
    tx => {
      if (weight === undefined) tx.remove('tenant', id)
      else tx.put('tenant', { id: tenantId(id), weight, createdAt: 0 })
      tx.event({ kind: 'tenant', subject: id, type: 'changed', actor: 'test', message: String(weight) })
    },
    { flush },
  )

const step = fc.record({ id: fc.constantFrom('a', 'b', 'c'), weight: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }) })

test('whatever is written, the memory and SQLite keep the same rows, revisions and events', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
      const contents = await Promise.all(
        [new MemoryDurable(), await sqliteDurable(':memory:')].map(async (durable: Durable) => {
          const store = await Store.open(durable, new VirtualClock())
          for (const { id, weight } of steps) await change(store, id, weight)
          const kept = { rows: await durable.load(), events: await durable.events({ limit: 100 }) }
          await durable.close()
          return kept
        }),
      )
      assert.deepEqual(contents[0], contents[1])
    }),
    { numRuns: 30 },
  )
})

test('a commit survives the death of its process, and a power cut once it or a later one was forced', async () => {
  const durable = new MemoryDurable()
  const store = await Store.open(durable, new VirtualClock())
  await change(store, 'c', 1)
  await change(store, 'a', 1, true)
  await change(store, 'a', 2)
  await change(store, 'b', 1)
  const again = await Store.open(durable, new VirtualClock())
  assert.deepEqual(
    again.list('tenant').map(({ id, weight }) => `${id} ${weight}`),
    ['c 1', 'a 2', 'b 1'],
  )
  assert.equal(durable.losePower(1), 2)
  const after = await Store.open(durable, new VirtualClock())
  assert.deepEqual(
    after.list('tenant').map(({ id, weight }) => `${id} ${weight}`),
    ['c 1', 'a 1'],
  )
})

test('a commit over a row that was changed meanwhile is refused, and nothing of it is kept', async () => {
  const durable = new MemoryDurable()
  const [one, two] = [await Store.open(durable, new VirtualClock()), await Store.open(durable, new VirtualClock())]
  await change(one, 'a', 1)
  await assert.rejects(change(two, 'a', 2), { code: 'conflict' })
  assert.equal((await durable.load()).length, 1)
})
