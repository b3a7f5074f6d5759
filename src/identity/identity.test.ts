import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR, MINUTE, ROLES, type Token, tenantId } from '../model/index.ts'
import { seededRandom, VirtualClock } from '../runtime/index.ts'
import { openSqliteStore, type Store } from '../store/index.ts'
import { authenticate, type Credential, stillStands } from './authenticate.ts'
import { IdentityError, type IdentityErrorCode } from './errors.ts'
import { type Principal, principalOf } from './principal.ts'
import { closeSession, createSignInLink, openSession, SESSION_MS, SIGN_IN_LINK_MS } from './sessions.ts'
import { createToken, type PersonRole, revokeToken, visibleTokens } from './tokens.ts'

class Bench implements AsyncDisposable {
  readonly clock = new VirtualClock()
  readonly random = seededRandom(7)
  readonly store: Store

  private constructor(store: Store, clock: VirtualClock) {
    this.store = store
    this.clock = clock
  }

  static async open(): Promise<Bench> {
    const clock = new VirtualClock()
    const bench = new Bench(await openSqliteStore(':memory:', clock), clock)
    await bench.store.transact(tx => {
      for (const id of ['red', 'blue']) {
        tx.put('tenant', { id: tenantId(id), weight: 1, createdAt: tx.now })
        tx.event({ kind: 'tenant', subject: id, type: 'created', actor: 'test', message: 'Made by a test.' })
      }
    })
    return bench
  }

  token(role: PersonRole, tenant?: string, expiresInMs?: number) {
    const request = { name: role, role, ...(tenant ? { tenant } : {}), ...(expiresInMs ? { expiresInMs } : {}) }
    return createToken(this.store, this.random, request, 'manor')
  }

  who(kind: Credential['kind'], secret: string): Principal | undefined {
    return authenticate(this.store, this.clock.now(), { kind, secret })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close()
  }
}

const fails = (code: IdentityErrorCode) => (cause: unknown) => cause instanceof IdentityError && cause.code === code

test('a token is known by its secret, which is nowhere in the store', async () => {
  await using bench = await Bench.open()
  const { token, secret } = await bench.token('operator', 'red')
  const principal = bench.who('bearer', secret)
  assert.equal(principal?.tokenId, token.id)
  assert.equal(principal?.tenant, 'red')
  assert.equal(bench.who('bearer', `${secret}x`), undefined)
  const events = await bench.store.events({ limit: 100 })
  assert.doesNotMatch(JSON.stringify([bench.store.list('token'), events]), new RegExp(secret))
})

test('a token is worth nothing from the moment at which it expires', async () => {
  await using bench = await Bench.open()
  const { secret } = await bench.token('viewer', undefined, MINUTE)
  await bench.clock.advance(MINUTE - 1)
  const principal = bench.who('bearer', secret)
  assert.ok(principal)
  await bench.clock.advance(1)
  assert.equal(bench.who('bearer', secret), undefined)
  assert.equal(stillStands(bench.store, bench.clock.now(), principal), false)
})

test('tokens that have expired are taken away when the next is made', async () => {
  await using bench = await Bench.open()
  const { token } = await bench.token('viewer', undefined, MINUTE)
  await bench.clock.advance(MINUTE)
  await bench.token('viewer')
  assert.equal(bench.store.get('token', token.id), undefined)
})

test('no token of a tenant may act on the whole installation, whatever its role', () => {
  const of = (role: Token['role'], tenant?: string) =>
    principalOf({ id: 't', name: 't', role, hash: '', createdAt: 0, ...(tenant ? { tenant: tenantId(tenant) } : {}) }).permissions
  assert.ok(of('admin').has('manor:stop'))
  for (const role of ROLES) for (const permission of ['manor:stop', 'tenant:write'] as const) assert.ok(!of(role, 'red').has(permission))
})

test('nobody gives a token more rights, or a wider view, than their own', async () => {
  await using bench = await Bench.open()
  const admin = bench.who('bearer', (await bench.token('admin', 'red')).secret)
  const operator = bench.who('bearer', (await bench.token('operator')).secret)
  assert.ok(admin && operator)
  const make = (issuer: Principal, role: PersonRole, tenant?: string) =>
    createToken(bench.store, bench.random, { name: 'x', role, ...(tenant ? { tenant } : {}) }, issuer)
  await assert.rejects(make(admin, 'viewer', 'blue'), fails('not-found'))
  await assert.rejects(make(operator, 'admin'), fails('beyond-own-rights'))
  await assert.rejects(make(operator, 'viewer', 'green'), fails('not-found'))
  assert.equal((await make(admin, 'admin')).token.tenant, 'red')
})

test('a tenant’s administrator neither sees nor revokes what is not of that tenant', async () => {
  await using bench = await Bench.open()
  const red = await bench.token('admin', 'red')
  const blue = await bench.token('viewer', 'blue')
  const all = await bench.token('admin')
  const principal = bench.who('bearer', red.secret)
  assert.ok(principal)
  assert.deepEqual(
    visibleTokens(bench.store, principal).map(({ id }) => id),
    [red.token.id],
  )
  for (const { token } of [blue, all]) await assert.rejects(revokeToken(bench.store, token.id, principal), fails('not-found'))
  await revokeToken(bench.store, red.token.id, principal)
  assert.equal(bench.who('bearer', red.secret), undefined)
})

test('a link signs in one browser, once; its session has the rights of who made it', async () => {
  await using bench = await Bench.open()
  const issuer = bench.who('bearer', (await bench.token('developer', 'red')).secret)
  assert.ok(issuer)
  const link = await createSignInLink(bench.store, bench.random, issuer)
  assert.equal(bench.who('bearer', link.secret), undefined)
  assert.equal(bench.who('session', link.secret), undefined)
  const sessions = await Promise.all([link, link, link].map(({ secret }) => openSession(bench.store, bench.random, secret)))
  const opened = sessions.filter(session => session !== undefined)
  assert.equal(opened.length, 1)
  const secret = opened[0]?.secret ?? ''
  assert.equal(bench.who('session', secret)?.role, 'developer')
  assert.equal(bench.who('session', secret)?.tenant, 'red')
  assert.equal(bench.who('bearer', secret), undefined, 'a session is no bearer token')
  await bench.clock.advance(SESSION_MS)
  assert.equal(bench.who('session', secret), undefined)
})

test('a link is worth nothing after ten minutes, or once its token is revoked', async () => {
  await using bench = await Bench.open()
  const late = await createSignInLink(bench.store, bench.random, 'manor')
  await bench.clock.advance(SIGN_IN_LINK_MS)
  assert.equal(await openSession(bench.store, bench.random, late.secret), undefined)

  const { token, secret } = await bench.token('admin')
  const issuer = bench.who('bearer', secret)
  assert.ok(issuer)
  const link = await createSignInLink(bench.store, bench.random, issuer)
  await revokeToken(bench.store, token.id, issuer)
  assert.equal(await openSession(bench.store, bench.random, link.secret), undefined)
})

test('revoking a token ends its sessions and the sessions that were opened from those', async () => {
  await using bench = await Bench.open()
  const { token, secret } = await bench.token('admin', undefined, HOUR)
  const issuer = bench.who('bearer', secret)
  assert.ok(issuer)
  const first = await openSession(bench.store, bench.random, (await createSignInLink(bench.store, bench.random, issuer)).secret)
  assert.equal(first?.expiresAt, token.expiresAt, 'a session does not outlive its token')
  const inFirst = bench.who('session', first?.secret ?? '')
  assert.ok(first && inFirst)
  const second = await openSession(bench.store, bench.random, (await createSignInLink(bench.store, bench.random, inFirst)).secret)
  assert.ok(second && bench.who('session', second.secret))
  await revokeToken(bench.store, token.id, issuer)
  for (const session of [first, second]) assert.equal(bench.who('session', session.secret), undefined)
})

test('signing out ends the session and no token', async () => {
  await using bench = await Bench.open()
  const { token } = await bench.token('admin')
  const session = await openSession(bench.store, bench.random, (await createSignInLink(bench.store, bench.random, 'manor')).secret)
  const principal = bench.who('session', session?.secret ?? '')
  assert.ok(session && principal)
  await closeSession(bench.store, token.id)
  assert.ok(bench.store.get('token', token.id))
  await closeSession(bench.store, principal.tokenId)
  await closeSession(bench.store, principal.tokenId)
  assert.equal(bench.who('session', session.secret), undefined)
})
