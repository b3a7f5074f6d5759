import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createController, requestAction } from '../controllers/index.ts'
import { controllerId, tenantId } from '../model/index.ts'
import { systemClock } from '../runtime/index.ts'
import { openSqliteStore } from '../store/index.ts'
import { routesFromStore } from './routes.ts'

test('a route is seen as soon as its commit is, changes with it and goes with it', async () => {
  const store = await openSqliteStore(':memory:', systemClock)
  await store.transact(tx => {
    tx.insert('tenant', { id: tenantId('default'), weight: 1, createdAt: tx.now })
    tx.event({ kind: 'tenant', subject: 'default', type: 'created', actor: 'test', message: 'Made.' })
  })
  const routes = routesFromStore(store)
  assert.equal(routes.find('hello'), undefined)
  await createController(store, { name: 'hello' }, 'test')
  const first = routes.find('hello')
  assert.equal(first?.phase, 'pending')
  assert.equal(first?.prefix, '/hello')
  assert.equal(first?.endpoint, undefined)
  assert.equal(routes.find('hello'), first)
  await store.transact(tx => {
    tx.update('controller', controllerId('hello'), controller => ({
      ...controller,
      phase: 'ready',
      endpoint: { host: '127.0.0.1', httpPort: 8081 },
    }))
    tx.event({ kind: 'controller', subject: 'hello', type: 'ready', actor: 'test', message: 'Ready.' })
  })
  assert.deepEqual(routes.find('hello')?.endpoint, { host: '127.0.0.1', port: 8081 })
  await requestAction(store, controllerId('hello'), 'delete', 'test')
  await store.transact(tx => {
    tx.remove('controller', controllerId('hello'))
    tx.event({ kind: 'controller', subject: 'hello', type: 'deleted', actor: 'test', message: 'Gone.' })
  })
  assert.equal(routes.find('hello'), undefined)
  await store.close()
})
