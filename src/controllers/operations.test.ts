import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_ACTIONS, CONTROLLER_PHASES, controllerId, legalActions, type Tenant } from '../model/index.ts'
import { VirtualClock } from '../runtime/index.ts'
import { openSqliteStore, type Store } from '../store/index.ts'
import { defaultProgram, setDefaultProgram } from './default-program.ts'
import { OperationError } from './errors.ts'
import { fleetState, setFleet, underFleet } from './fleet.ts'
import { changeSpec, createController, DEFAULT_TENANT, type NewController, requestAction } from './operations.ts'

const withStore = async (work: (store: Store) => Promise<void>): Promise<void> => {
  const store = await openSqliteStore(':memory:', new VirtualClock())
  const tenant: Tenant = { id: DEFAULT_TENANT, weight: 1, createdAt: 0 }
  await store.transact(tx => {
    tx.insert('tenant', tenant)
    tx.event({ kind: 'tenant', subject: tenant.id, type: 'created', actor: 'test', message: 'created' })
  })
  await work(store)
  await store.close()
}

const refusal = (code: string, field?: string) => (cause: unknown) =>
  cause instanceof OperationError && cause.code === code && (field === undefined || cause.field === field)

const bad: readonly (readonly [what: string, asked: NewController, code: string, field: string])[] = [
  ['an empty name', { name: '' }, 'invalid', 'name'],
  ['capitals in a name', { name: 'Team' }, 'invalid', 'name'],
  ['a path of our own', { name: 'api' }, 'invalid', 'name'],
  ['a long name', { name: 'a'.repeat(41) }, 'invalid', 'name'],
  ['too little memory', { name: 'a', memoryMb: 10 }, 'invalid', 'memoryMb'],
  ['memory that is no number', { name: 'a', memoryMb: Number.NaN }, 'invalid', 'memoryMb'],
  ['no cpu', { name: 'a', cpu: 0 }, 'invalid', 'cpu'],
  ['a grace of less than a second', { name: 'a', graceMs: 5 }, 'invalid', 'graceMs'],
  ['a war that is not absolute', { name: 'a', war: 'x.war' }, 'invalid', 'war'],
  ['an unknown tenant', { name: 'a', tenant: 'nobody' }, 'not-found', 'tenant'],
]

for (const [what, asked, code, field] of bad)
  test(`${what} is refused by field, and nothing is made`, () =>
    withStore(async store => {
      await assert.rejects(async () => createController(store, asked, 'user:test'), refusal(code, field))
      assert.deepEqual(store.list('controller'), [])
    }))

test('a name is given once, and its controller is made with the defaults', () =>
  withStore(async store => {
    const made = await createController(store, { name: 'a', memoryMb: 1024 }, 'user:test')
    assert.deepEqual([made.phase, made.wanted, made.spec.memoryMb, made.spec.cpu], ['pending', 'running', 1024, 1])
    await assert.rejects(createController(store, { name: 'a' }, 'user:test'), refusal('exists', 'name'))
    const [event] = await store.events({ limit: 10, kind: 'controller' })
    assert.deepEqual([event?.type, event?.actor], ['created', 'user:test'])
  }))

test('each phase takes its legal actions and refuses the others with the list', () =>
  withStore(async store => {
    await createController(store, { name: 'a' }, 'user:test')
    const id = controllerId('a')
    for (const phase of CONTROLLER_PHASES)
      for (const action of CONTROLLER_ACTIONS) {
        await store.transact(tx => {
          tx.update('controller', id, before => ({ ...before, phase, wanted: 'running' }))
          tx.event({ kind: 'controller', subject: id, type: 'x', actor: 'test', message: 'x' })
        })
        const asked = requestAction(store, id, action, 'user:test')
        if (legalActions(phase).includes(action)) await asked
        else
          await assert.rejects(asked, cause => {
            assert.ok(cause instanceof OperationError)
            assert.deepEqual([cause.code, cause.allowed], ['illegal-action', legalActions(phase)])
            return true
          })
      }
  }))

test('a changed size is checked as a whole, and a stale change is refused', () =>
  withStore(async store => {
    await createController(store, { name: 'a' }, 'user:test')
    const id = controllerId('a')
    await assert.rejects(async () => changeSpec(store, id, { memoryMb: 1 }, 'user:test'), refusal('invalid', 'memoryMb'))
    const revision = store.revision('controller', id)
    assert.equal((await changeSpec(store, id, { memoryMb: 2048 }, 'user:test', revision)).spec.memoryMb, 2048)
    await assert.rejects(changeSpec(store, id, { memoryMb: 4096 }, 'user:test', revision), /changed by someone else/)
  }))

test('a fleet that is down treats what is wanted running as stopped, and forgets nothing', () =>
  withStore(async store => {
    const made = await createController(store, { name: 'a' }, 'user:test')
    assert.equal(fleetState(store), 'up')
    await setFleet(store, 'down', 'user:test')
    assert.equal(underFleet(made, fleetState(store)).wanted, 'stopped')
    await setFleet(store, 'down-now', 'user:test')
    assert.equal(underFleet(made, fleetState(store)).spec.graceMs, 0)
    assert.equal(store.get('controller', 'a')?.wanted, 'running')
    await setFleet(store, 'up', 'user:test')
    assert.equal(underFleet(made, fleetState(store)), made)
  }))

test('the default program is what new controllers get unless they name one', () =>
  withStore(async store => {
    assert.deepEqual(defaultProgram(store), { distribution: 'jenkins' })
    await setDefaultProgram(store, { distribution: 'hudson', war: '/x.war' }, 'manor')
    assert.deepEqual((await createController(store, { name: 'a' }, 'u')).spec.war, '/x.war')
    const named = await createController(store, { name: 'b', distribution: 'hudson' }, 'u')
    assert.deepEqual([named.spec.distribution, named.spec.war], ['hudson', undefined])
    await setDefaultProgram(store, { distribution: 'jenkins' }, 'manor')
    assert.deepEqual(defaultProgram(store), { distribution: 'jenkins' })
  }))
