import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Principal, principalOf } from '../identity/index.ts'
import { hostId, type Tenant, tenantId } from '../model/index.ts'
import { ChangeHub, EVERY_VIEW_MS, type Sink, SOON_MS } from './change-hub.ts'
import type { Change } from './contract.ts'
import { Projection } from './projection.ts'
import { aController, aHost, anAgent, demandOf, TestApi } from './testing.ts'

const TENANTS = ['red', 'blue'] as const
const NAMES = ['a', 'b', 'c'] as const

type Act =
  | { readonly kind: 'controller'; readonly name: string; readonly tenant: string; readonly phase: 'ready' | 'stopped' }
  | { readonly kind: 'agent'; readonly name: string; readonly controller: string; readonly phase: 'placed' | 'ended' }
  | { readonly kind: 'demand'; readonly name: string; readonly count: number }
  | { readonly kind: 'host'; readonly reservedFor: string | undefined; readonly cpu: number }
  | { readonly kind: 'tenant'; readonly tenant: string; readonly guaranteed: number }
  | { readonly kind: 'remove'; readonly of: 'controller' | 'agent'; readonly name: string }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'leave' | 'return'; readonly follower: number }

const name = fc.constantFrom(...NAMES)
const tenant = fc.constantFrom(...TENANTS)
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constant('controller' as const), name, tenant, phase: fc.constantFrom('ready' as const, 'stopped' as const) }),
  fc.record({ kind: fc.constant('agent' as const), name, controller: name, phase: fc.constantFrom('placed' as const, 'ended' as const) }),
  fc.record({ kind: fc.constant('demand' as const), name, count: fc.nat(3) }),
  fc.record({
    kind: fc.constant('host' as const),
    reservedFor: fc.option(tenant, { nil: undefined }),
    cpu: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ kind: fc.constant('tenant' as const), tenant, guaranteed: fc.nat(2) }),
  fc.record({ kind: fc.constant('remove' as const), of: fc.constantFrom('controller' as const, 'agent' as const), name }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 10, SOON_MS) }),
  fc.record({ kind: fc.constantFrom('leave' as const, 'return' as const), follower: fc.nat(TENANTS.length) }),
)

/** What someone knows who read the lists once and has listened since, also over cuts of the stream. */
class Follower implements Sink {
  readonly known = new Map<string, unknown>()
  readonly bufferedBytes = 0
  #cursor: string
  #close: (() => void) | undefined
  readonly #hub: ChangeHub
  readonly #principal: Principal

  constructor(hub: ChangeHub, principal: Principal) {
    this.#hub = hub
    this.#principal = principal
    this.#cursor = hub.cursor
    this.return()
  }

  write(frame: string): void {
    const [id = '', event, data = ''] = frame.split('\n').map(line => line.slice(line.indexOf(':') + 2))
    this.#cursor = id
    assert.notEqual(event, 'reset')
    if (event !== 'change') return
    const { kind, id: noun, view } = JSON.parse(data) as Change
    if (view === null) this.known.delete(`${kind}/${noun}`)
    else this.known.set(`${kind}/${noun}`, view)
  }

  end(): void {
    assert.fail('The stream was cut.')
  }

  leave(): void {
    this.#close?.()
    this.#close = undefined
  }

  return(): void {
    this.#close ??= this.#hub.open(this.#principal, this.#cursor, this)
  }
}

const perform = async (api: TestApi, followers: readonly Follower[], act: Act): Promise<void> => {
  switch (act.kind) {
    case 'controller': {
      // A controller keeps its tenant; the name of one that is gone may be given to another.
      const owner = api.store.get('controller', act.name)?.tenant ?? tenantId(act.tenant)
      return api.put('controller', aController(act.name, { tenant: owner, phase: act.phase, host: hostId('h') }))
    }
    case 'agent': {
      const id = `${act.controller}-${act.name}`
      const owner = api.store.get('agent', id)?.tenant ?? api.store.get('controller', act.controller)?.tenant
      return owner && api.put('agent', anAgent(id, act.controller, { tenant: owner, phase: act.phase, host: hostId('h') }))
    }
    case 'demand':
      return api.put('demand', demandOf(act.name, ['1', '2', '3'].slice(0, act.count)))
    case 'host':
      return api.put(
        'host',
        aHost('h', {
          capacity: { cpu: act.cpu, memoryMb: 4_096, diskMb: 4_096 },
          ...(act.reservedFor === undefined ? {} : { reservedFor: tenantId(act.reservedFor) }),
        }),
      )
    case 'tenant':
      return api.put('tenant', { id: tenantId(act.tenant), weight: 1, createdAt: 1, guarantee: { cpu: act.guaranteed } })
    case 'remove':
      return api.store.get(act.of, act.name) && api.remove(act.of, act.name)
    case 'pass':
      return api.clock.advance(act.ms)
    case 'leave':
      return followers[act.follower]?.leave()
    case 'return':
      return followers[act.follower]?.return()
  }
}

/** The same from the lists. */
const listed = (api: TestApi, projection: Projection, scope: Tenant['id'] | undefined): Map<string, unknown> => {
  const controllers = projection.controllerRows(scope)
  const agents = projection.agents(api.store.list('agent').filter(each => scope === undefined || each.tenant === scope))
  return new Map<string, unknown>([
    ...projection.controllers(scope).map(view => [`controller/${view.id}`, view] as const),
    ...agents.map(view => [`agent/${view.id}`, view] as const),
    ...controllers.map(each => [`queue/${each.id}`, projection.queueOf(each)] as const),
    ...projection.hosts(scope).map(view => [`host/${view.id}`, view] as const),
    ...projection.tenants(scope).map(view => [`tenant/${view.id}`, view] as const),
  ])
}

const sorted = (views: ReadonlyMap<string, unknown> = new Map()): [string, unknown][] => [...views].sort(([a], [b]) => (a < b ? -1 : 1))

test('whoever listens knows what the lists say, whatever happened and however often the stream was cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40 }), async acts => {
      await using api = await TestApi.open()
      const projection = new Projection(api.ports)
      const hub = new ChangeHub(api.ports, projection)
      const scopes = [undefined, ...TENANTS.map(tenantId)]
      const principals: Principal[] = []
      for (const scope of scopes) {
        const token = {
          id: `t-${scope}`,
          name: 't',
          role: 'viewer' as const,
          hash: `${scope}`,
          createdAt: 1,
          ...(scope ? { tenant: scope } : {}),
        }
        await api.put('token', token)
        principals.push(principalOf(token))
      }
      const followers = principals.map(principal => new Follower(hub, principal))
      await api.remove('tenant', 'default')
      await api.put('tenant', ...TENANTS.map(id => ({ id: tenantId(id), weight: 1, createdAt: 1 })))
      for (const each of acts) await perform(api, followers, each)
      for (const follower of followers) follower.return()
      await api.clock.advance(2 * EVERY_VIEW_MS)
      for (const [i, scope] of scopes.entries()) {
        assert.deepEqual(sorted(followers[i]?.known), sorted(listed(api, projection, scope)))
      }
    }),
    { numRuns: 100 },
  )
})
