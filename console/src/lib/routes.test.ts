import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pathOf, routeOf } from './routes.ts'

test('every page has its address', () => {
  assert.deepEqual(routeOf('/'), { page: 'wall' })
  assert.deepEqual(routeOf('/controllers'), { page: 'wall' })
  assert.deepEqual(routeOf('/controllers/team-a'), { page: 'controller', name: 'team-a' })
  assert.deepEqual(routeOf('/console/new-controller'), { page: 'new-controller' })
  assert.deepEqual(routeOf('/console/new-tenant'), { page: 'new-tenant' })
  assert.deepEqual(routeOf('/tenants/payments'), { page: 'tenant', name: 'payments' })
  assert.deepEqual(routeOf('/hosts/h1'), { page: 'host', name: 'h1' })
  assert.deepEqual(routeOf('/queue/team-a/17'), { page: 'queue-item', controller: 'team-a', item: '17' })
  for (const page of ['queue', 'agents', 'hosts', 'events', 'templates', 'tenants'] as const)
    assert.deepEqual(routeOf(`/${page}`), { page })
})

test('what is no page is unknown, with its path', () => {
  for (const path of ['/nothing', '/hosts/x/y', '/queue/a/b/c', '/console/other'])
    assert.deepEqual(routeOf(path), { page: 'unknown', path })
})

test('a name in a path comes back as it was', () => {
  const name = fc.string({ minLength: 1, unit: 'grapheme' }).filter(text => text.isWellFormed())
  fc.assert(
    fc.property(name, name, (first, second) => {
      assert.deepEqual(routeOf(pathOf.tenant(first)), { page: 'tenant', name: first })
      assert.deepEqual(routeOf(pathOf.agent(first)), { page: 'agent', id: first })
      assert.deepEqual(routeOf(pathOf.queueItem(first, second)), { page: 'queue-item', controller: first, item: second })
    }),
  )
})

test('a stray percent sign is no error', () => {
  assert.deepEqual(routeOf('/agents/100%'), { page: 'agent', id: '100%' })
})
