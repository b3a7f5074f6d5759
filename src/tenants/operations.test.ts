import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controllerId, hostId, type Template, type Tenant, type Token, templateId, tenantId } from '../model/index.ts'
import { VirtualClock } from '../runtime/index.ts'
import { openSqliteStore, type Store, StoreError, type Transaction } from '../store/index.ts'
import { changeTenant, createTenant, deleteTenant } from './index.ts'

type Bench = { readonly store: Store; readonly clock: VirtualClock }
const withStore = async (work: (bench: Bench) => Promise<void>): Promise<void> => {
  const clock = new VirtualClock()
  const store = await openSqliteStore(':memory:', clock)
  try {
    await work({ store, clock })
  } finally {
    await store.close()
  }
}
const RED = tenantId('red')
const refusal = (code: string, field?: string) => (cause: unknown) =>
  cause instanceof Error && 'code' in cause && cause.code === code && (field === undefined || ('field' in cause && cause.field === field))
const told = (tx: Transaction, kind: 'template' | 'token' | 'host', subject: string): void =>
  tx.event({ kind, subject, type: 'changed', actor: 'test', message: 'Changed by a test.' })
const typesOf = async (store: Store): Promise<string[]> => (await store.events({ limit: 20, kind: 'tenant' })).map(({ type }) => type)

test('a tenant is made with what is asked, its name once, and an event tells who did it', () =>
  withStore(async ({ store, clock }) => {
    const made = await createTenant(
      store,
      { name: 'red', weight: 2, quota: { memoryMb: 4096 }, policy: { preemptible: true } },
      'token:ada',
    )
    const expected: Tenant = { id: RED, weight: 2, quota: { memoryMb: 4096 }, policy: { preemptible: true }, createdAt: clock.now() }
    assert.deepEqual([made, store.get('tenant', 'red')], [expected, expected])
    await assert.rejects(createTenant(store, { name: 'red' }, 'token:ada'), refusal('exists', 'name'))
    const [event] = await store.events({ limit: 5, kind: 'tenant' })
    assert.deepEqual([event?.type, event?.actor, event?.tenant], ['created', 'token:ada', 'red'])
    assert.deepEqual(event?.data, { weight: 2, 'quota.memoryMb': 4096, 'policy.preemptible': true })
  }))

test('what is wrong makes nothing', () =>
  withStore(async ({ store }) => {
    for (const name of ['', 'Red', 'a'.repeat(41), '-'])
      await assert.rejects(createTenant(store, { name }, 'token:ada'), refusal('invalid', 'name'))
    await assert.rejects(createTenant(store, { name: 'red', weight: 0 }, 'token:ada'), refusal('invalid', 'weight'))
    await assert.rejects(
      createTenant(store, { name: 'red', quota: { cpu: 1 }, guarantee: { cpu: 2 } }, 'token:ada'),
      refusal('invalid', 'guarantee.cpu'),
    )
    assert.deepEqual([store.list('tenant'), await typesOf(store)], [[], []])
  }))

test('a change is held to the revision that was read, says what it set, and tells nothing where it changes nothing', () =>
  withStore(async ({ store }) => {
    await createTenant(store, { name: 'red' }, 'token:ada')
    const revision = store.revision('tenant', 'red')
    await changeTenant(store, RED, { weight: 3, quota: { cpu: 4 } }, 'token:ada', revision)
    await assert.rejects(
      changeTenant(store, RED, { weight: 9 }, 'token:bob', revision),
      (cause: unknown) => cause instanceof StoreError && cause.code === 'conflict',
    )
    assert.deepEqual([store.get('tenant', 'red')?.weight, store.get('tenant', 'red')?.quota], [3, { cpu: 4 }])
    await changeTenant(store, RED, { weight: 3 }, 'token:ada')
    assert.deepEqual(await typesOf(store), ['created', 'changed'])
    await assert.rejects(changeTenant(store, RED, { weight: Number.NaN }, 'token:ada'), refusal('invalid', 'weight'))
    await assert.rejects(changeTenant(store, tenantId('blue'), { weight: 1 }, 'token:ada'), refusal('not-found', 'name'))
    assert.equal(store.get('tenant', 'red')?.weight, 3)
  }))

test('only a tenant that has nothing is deleted; what it has is named', () =>
  withStore(async ({ store, clock }) => {
    await createTenant(store, { name: 'red' }, 'token:ada')
    const token = (id: string, change: Partial<Token> = {}): Token => ({
      id,
      name: `name-of-${id}`,
      role: 'viewer',
      tenant: RED,
      hash: id,
      createdAt: 0,
      ...change,
    })
    const template: Template = {
      id: templateId('big'),
      scope: { kind: 'tenant', tenant: RED },
      labels: ['x'],
      takesUnlabelled: false,
      resources: { cpu: 1, memoryMb: 512, diskMb: 0 },
      environment: {},
      constraints: {},
      connectTimeoutMs: 1_000,
    }
    const tokens = [
      token('t-1'),
      token('s-1', { session: true, issuedBy: 't-1' }),
      token('t-old', { expiresAt: clock.now() }),
      token('h-1', { role: 'controller', controller: controllerId('gone') }),
    ]
    await store.transact(tx => {
      tx.put('template', template)
      told(tx, 'template', template.id)
      tx.put('host-wanted', { id: hostId('h1'), since: 1, reservedFor: RED })
      told(tx, 'host', 'h1')
      for (const each of tokens) {
        tx.put('token', each)
        told(tx, 'token', each.id)
      }
    })
    await assert.rejects(deleteTenant(store, RED, 'token:ada'), (cause: unknown) => {
      assert.ok(refusal('in-use', 'name')(cause) && cause instanceof Error)
      assert.equal(
        cause.message,
        'Tenant red still has 1 template: big; 1 token: name-of-t-1 (t-1); 1 host: h1, which is reserved for it (./manor host unreserve h1). Delete or revoke those first.',
      )
      return true
    })
    await store.transact(tx => {
      tx.remove('host-wanted', 'h1')
      told(tx, 'host', 'h1')
      tx.remove('template', 'big')
      told(tx, 'template', 'big')
      for (const id of ['t-1', 's-1']) {
        tx.remove('token', id)
        told(tx, 'token', id)
      }
    })
    await deleteTenant(store, RED, 'token:ada')
    assert.deepEqual([store.list('tenant'), await typesOf(store)], [[], ['created', 'deleted']])
    await assert.rejects(deleteTenant(store, RED, 'token:ada'), refusal('not-found', 'name'))
  }))
