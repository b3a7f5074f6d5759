import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Presence, type Tenant, tenantId } from '../model/index.ts'
import { VirtualClock } from '../runtime/index.ts'
import { type Durable, openSqliteStore, Store, StoreError, sqliteDurable, type Transaction } from './index.ts'

const tenant = (id: string, weight = 1): Tenant => ({ id: tenantId(id), weight, createdAt: 0 })
const told = (tx: Transaction, id: string): void =>
  tx.event({ kind: 'tenant', subject: id, type: 'created', actor: 'test', message: `Tenant ${id} was created.` })
const insert = (id: string, weight?: number) => (tx: Transaction) => {
  tx.insert('tenant', tenant(id, weight))
  told(tx, id)
}
const code = (expected: string) => (cause: unknown) => cause instanceof StoreError && cause.code === expected

const inMemory = (): Promise<Store> => openSqliteStore(':memory:', new VirtualClock())

const withDirectory = async (work: (directory: string) => Promise<void>): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-store-'))
  try {
    await work(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

test('what was committed is there after the store is opened again, with its revision and its events', () =>
  withDirectory(async directory => {
    const path = join(directory, 'manor.db')
    const first = await openSqliteStore(path, new VirtualClock())
    await first.transact(insert('a'))
    await first.transact(tx => {
      tx.update('tenant', 'a', before => ({ ...before, weight: 2 }))
      told(tx, 'a')
    })
    await first.close()
    const second = await openSqliteStore(path, new VirtualClock())
    assert.equal(second.get('tenant', 'a')?.weight, 2)
    assert.equal(second.revision('tenant', 'a'), 2)
    assert.equal((await second.events({ limit: 10 })).length, 2)
    await second.close()
  }))

test('a second Manor on the same database is refused with the mend', () =>
  withDirectory(async directory => {
    const path = join(directory, 'manor.db')
    const first = await openSqliteStore(path, new VirtualClock())
    await assert.rejects(openSqliteStore(path, new VirtualClock()), cause => code('store-locked')(cause) && /--home/.test(String(cause)))
    await first.close()
  }))

test('work that throws changes nothing, and its neighbours in the same commit still commit', async () => {
  const store = await inMemory()
  const results = await Promise.allSettled([
    store.transact(insert('a')),
    store.transact(tx => {
      insert('b')(tx)
      throw new Error('on second thought')
    }),
    store.transact(insert('c')),
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.deepEqual(
    store.list('tenant').map(({ id }) => id),
    ['a', 'c'],
  )
  await store.close()
})

test('a change of a durable row without an event is refused', async () => {
  const store = await inMemory()
  await assert.rejects(
    store.transact(tx => tx.insert('tenant', tenant('a'))),
    /without an event: tenant\/a/,
  )
  assert.equal(store.get('tenant', 'a'), undefined)
  await store.close()
})

test('refusals by code: taken, missing, changed meanwhile', async () => {
  const store = await inMemory()
  await store.transact(insert('a'))
  await assert.rejects(store.transact(insert('a')), code('exists'))
  await assert.rejects(
    store.transact(tx => tx.update('tenant', 'b', row => row)),
    code('missing'),
  )
  await assert.rejects(
    store.transact(tx => tx.update('tenant', 'a', row => ({ ...row, weight: 3 }), 7)),
    code('conflict'),
  )
  await store.close()
  await assert.rejects(store.transact(insert('c')), code('closed'))
})

test('work in one commit sees what the work before it staged', async () => {
  const store = await inMemory()
  const epochs = await Promise.all(Array.from({ length: 50 }, () => store.transact(tx => tx.nextEpoch())))
  assert.deepEqual(
    epochs,
    Array.from({ length: 50 }, (_, i) => i + 1),
  )
  await store.close()
})

test('volatile rows are read like others and gone after a restart', () =>
  withDirectory(async directory => {
    const path = join(directory, 'manor.db')
    const presence: Presence = {
      controller: 'hello' as Presence['controller'],
      session: 's',
      epoch: 1,
      seq: 1,
      version: '1',
      reportedAt: 0,
      heardAt: 0,
      reportIntervalMs: 10_000,
      running: 0,
      quieting: false,
      appliedRevision: 0,
      nodes: [],
      load: { heapUsedMb: 0, heapMaxMb: 0, threads: 0, gcShare: 0, eventsDropped: 0 },
    }
    const first = await openSqliteStore(path, new VirtualClock())
    await first.transact(tx => tx.put('presence', presence))
    assert.equal(first.get('presence', 'hello')?.session, 's')
    await first.close()
    const second = await openSqliteStore(path, new VirtualClock())
    assert.equal(second.get('presence', 'hello'), undefined)
    await second.close()
  }))

test('the feed tells each commit once, in order', async () => {
  const store = await inMemory()
  const heard: string[] = []
  const end = store.feed.subscribe(entries => {
    for (const entry of entries) heard.push('change' in entry ? `${entry.change.kind}/${entry.change.id}` : `event ${entry.event.subject}`)
  })
  await store.transact(insert('a'))
  assert.equal(store.feed.cursor, 2)
  await store.transact(insert('b'))
  end()
  await store.transact(insert('c'))
  assert.deepEqual(heard, ['tenant/a', 'event a', 'tenant/b', 'event b'])
  await store.close()
})

test('a refused write of the database rejects all of its commit and leaves the state as it was', async () => {
  let refuse = false
  const durable = await sqliteDurable(':memory:')
  const failing: Durable = {
    ...durable,
    commit: (batch, isForced) =>
      refuse ? Promise.reject(new StoreError('store-full', 'The disk is full.')) : durable.commit(batch, isForced),
  }
  const store = await Store.open(failing, new VirtualClock())
  await store.transact(insert('a'))
  refuse = true
  const results = await Promise.allSettled([store.transact(insert('b')), store.transact(insert('c'))])
  assert.ok(results.every(({ status }) => status === 'rejected'))
  assert.equal(store.get('tenant', 'b'), undefined)
  refuse = false
  await store.transact(insert('b'))
  assert.equal(store.get('tenant', 'b')?.id, 'b')
  await store.close()
})

test('a commit is forced to the disk where any of its group was promised, and without one to write all before is', async () => {
  const seen: unknown[] = []
  const durable = await sqliteDurable(':memory:')
  const told: Durable = {
    ...durable,
    commit: (batch, isForced) => {
      seen.push([batch.rows.map(({ id }) => id).join(), isForced])
      return durable.commit(batch, isForced)
    },
    flush: () => seen.push('all before'),
  }
  const store = await Store.open(told, new VirtualClock())
  await store.transact(insert('a'))
  await Promise.all([store.transact(insert('b')), store.transact(insert('c'), { flush: true })])
  await store.transact(insert('d'))
  await store.transact(tx => tx.get('tenant', 'd'), { flush: true })
  assert.deepEqual(seen, [['a', false], ['b,c', true], ['d', false], 'all before'])
  await store.close()
})

type Action = { readonly kind: 'insert' | 'update' | 'put' | 'remove'; readonly id: string; readonly weight: number }
const anAction: fc.Arbitrary<Action> = fc.record({
  kind: fc.constantFrom('insert', 'update', 'put', 'remove'),
  id: fc.constantFrom('a', 'b', 'c'),
  weight: fc.integer({ min: 1, max: 9 }),
})

test('any mix of work in any grouping leaves what a plain map would hold, in memory and in the database', () =>
  withDirectory(async directory => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(anAction, { maxLength: 4 }), { maxLength: 12 }), async pieces => {
        const path = join(directory, `${run++}.db`)
        const store = await openSqliteStore(path, new VirtualClock())
        const expected = new Map<string, number>()
        const done = pieces.map(actions => {
          const after = new Map(expected)
          const ok = actions.every(action => applyToMap(after, action))
          if (ok) for (const key of ['a', 'b', 'c']) setOrDelete(expected, key, after.get(key))
          return store.transact(tx => {
            for (const action of actions) applyToStore(tx, action)
          })
        })
        await Promise.allSettled(done)
        const held = (from: Store): [string, number][] => from.list('tenant').map(({ id, weight }): [string, number] => [id, weight])
        assert.deepEqual(new Map(held(store)), expected)
        await store.close()
        const again = await openSqliteStore(path, new VirtualClock())
        assert.deepEqual(new Map(held(again)), expected)
        await again.close()
      }),
      { numRuns: 40 },
    )
  }))

const setOrDelete = (map: Map<string, number>, key: string, value: number | undefined): void => {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}

const applyToMap = (map: Map<string, number>, { kind, id, weight }: Action): boolean => {
  if ((kind === 'insert' && map.has(id)) || (kind === 'update' && !map.has(id))) return false
  setOrDelete(map, id, kind === 'remove' ? undefined : weight)
  return true
}

const applyToStore = (tx: Transaction, { kind, id, weight }: Action): void => {
  if (kind === 'insert') tx.insert('tenant', tenant(id, weight))
  else if (kind === 'update') tx.update('tenant', id, before => ({ ...before, weight }))
  else if (kind === 'put') tx.put('tenant', tenant(id, weight))
  else tx.remove('tenant', id)
  told(tx, id)
}
