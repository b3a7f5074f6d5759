import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Principal, principalOf } from '../identity/index.ts'
import { controllerId, type Host, type Presence, type Token, tenantId, workloadId } from '../model/index.ts'
import { ChangeHub, HEARTBEAT_MS, MAX_CLIENT_BUFFER_BYTES, MAX_REPLAY, type Sink, SOON_MS } from './change-hub.ts'
import type { Change } from './contract.ts'
import { JOURNAL_LENGTH } from './journal.ts'
import { Projection } from './projection.ts'
import { aController, aHost, anAgent, demandOf, TestApi } from './testing.ts'

type Frame = { readonly id: string; readonly name?: string; readonly data?: unknown }

/** One client, and what it was told. */
class Listener implements Sink {
  readonly frames: Frame[] = []
  readonly comments: string[] = []
  bufferedBytes = 0
  ended = false
  close: () => void = () => undefined

  write(text: string): void {
    assert.ok(text.endsWith('\n\n'))
    if (text.startsWith(':')) this.comments.push(text.trim())
    else this.frames.push(parse(text))
  }

  end(): void {
    this.ended = true
  }

  /** Takes what was told so far. */
  take(): Frame[] {
    return this.frames.splice(0)
  }

  /** The kinds and ids of changes told so far, `-` before those that are gone. */
  changes(): string[] {
    return this.take()
      .filter(({ name }) => name === 'change')
      .map(({ data }) => {
        const { kind, id, view } = data as Change
        return `${view === null ? '-' : ''}${kind}/${id}`
      })
  }

  get cursor(): string {
    return this.frames.at(-1)?.id ?? ''
  }
}

const parse = (text: string): Frame => {
  const fields = Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
  return { id: fields.id ?? '', ...(fields.event ? { name: fields.event } : {}), ...(fields.data ? { data: JSON.parse(fields.data) } : {}) }
}

class Stage implements AsyncDisposable {
  readonly api: TestApi
  readonly hub: ChangeHub

  private constructor(api: TestApi) {
    this.api = api
    this.hub = new ChangeHub(api.ports, new Projection(api.ports))
  }

  static async open(): Promise<Stage> {
    return new Stage(await TestApi.open())
  }

  async principal(tenant?: string): Promise<Principal> {
    const token: Token = {
      id: `t-${tenant ?? 'all'}`,
      name: 't',
      role: 'viewer',
      hash: `hash-${tenant}`,
      createdAt: 1,
      ...(tenant === undefined ? {} : { tenant: tenantId(tenant) }),
    }
    await this.api.put('token', token)
    return principalOf(token)
  }

  async listen(after?: string, tenant?: string): Promise<Listener> {
    const listener = new Listener()
    listener.close = this.hub.open(await this.principal(tenant), after, listener)
    return listener
  }

  /** Lets everything be told that is due without waiting. */
  now(): Promise<void> {
    return this.api.clock.advance(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hub.close()
    await this.api[Symbol.asyncDispose]()
  }
}

const presence = (seq: number): Presence => ({
  controller: controllerId('a'),
  session: 's',
  epoch: 1,
  seq,
  version: '1',
  reportedAt: 1,
  heardAt: 1,
  reportIntervalMs: 10_000,
  running: seq,
  quieting: false,
  appliedRevision: 0,
  nodes: [],
  load: { heapUsedMb: 1, heapMaxMb: 2, threads: 3, gcShare: 0, eventsDropped: 0 },
})

test('a new client is given a cursor at once, then each change with its event', async () => {
  await using stage = await Stage.open()
  const listener = await stage.listen()
  assert.deepEqual(listener.take(), [{ id: stage.hub.cursor }])
  await stage.api.put('controller', aController('a'))
  await stage.now()
  const frames = listener.take()
  assert.deepEqual(
    frames.map(({ name }) => name),
    ['change', 'change', 'change', 'event'],
  )
  assert.partialDeepStrictEqual(frames, [
    { data: { kind: 'controller', id: 'a', view: { phase: 'ready' } } },
    { data: { kind: 'tenant' } },
    { data: { kind: 'queue', view: [] } },
    { id: stage.hub.cursor, data: { kind: 'controller', subject: 'a' } },
  ])
})

test('what is gone is told as gone', async () => {
  await using stage = await Stage.open()
  await stage.api.put('controller', aController('a'))
  await stage.api.put('agent', anAgent('x', 'a'))
  const listener = await stage.listen()
  await stage.api.remove('agent', 'x')
  await stage.api.remove('controller', 'a')
  await stage.now()
  assert.deepEqual(listener.changes().sort(), ['-agent/x', '-controller/a', '-queue/a', 'tenant/default'])
})

test('reports that come often are told at most four times a second, the last one always', async () => {
  await using stage = await Stage.open()
  await stage.api.put('controller', aController('a'))
  const listener = await stage.listen()
  let told: Frame[] = []
  for (let seq = 1; seq <= 100; seq++) {
    await stage.api.put('presence', presence(seq))
    await stage.api.clock.advance(10)
    told = told.concat(listener.take())
  }
  await stage.api.clock.advance(SOON_MS)
  told = told.concat(listener.take())
  const running = told
    .filter(({ name }) => name === 'change')
    .map(({ data }) => (data as Extract<Change, { kind: 'controller' }>).view?.running)
  assert.ok(running.length >= 4 && running.length <= 6, `${running.length} in a second`)
  assert.equal(running[0], 1, 'the first is told at once')
  assert.equal(running.at(-1), 100)
})

test('a change of phase does not wait behind reports', async () => {
  await using stage = await Stage.open()
  await stage.api.put('controller', aController('a'))
  const listener = await stage.listen()
  await stage.api.put('presence', presence(1))
  await stage.now()
  listener.take()
  await stage.api.put('presence', presence(2))
  await stage.now()
  assert.deepEqual(listener.changes(), [])
  await stage.api.put('controller', aController('a', { phase: 'quieting' }))
  await stage.now()
  assert.ok(listener.changes().includes('controller/a'))
})

test('whoever comes back with a cursor hears what was missed, each view once and as it is now', async () => {
  await using stage = await Stage.open()
  const before = await stage.listen()
  const cursor = before.cursor
  before.close()
  for (const phase of ['pending', 'preparing', 'ready'] as const) await stage.api.put('controller', aController('a', { phase }))
  await stage.api.put('agent', anAgent('x', 'a'))
  await stage.api.remove('agent', 'x')
  const back = await stage.listen(cursor)
  const frames = back.frames.filter(({ name }) => name === 'change').map(({ data }) => data as Change)
  assert.deepEqual(frames.map(({ kind, id, view }) => `${view === null ? '-' : ''}${kind}/${id}`).sort(), [
    '-agent/x',
    'controller/a',
    'queue/a',
    'tenant/default',
  ])
  assert.equal(back.frames.filter(({ name }) => name === 'event').length, 6, 'five of the rows, one of the listener’s token')
  const again = await stage.listen(back.cursor)
  assert.deepEqual(again.changes(), [])
})

test('a cursor never stands for a change that still waits to be told', async () => {
  await using stage = await Stage.open()
  await stage.api.put('controller', aController('a'))
  const listener = await stage.listen()
  await stage.api.put('presence', presence(1))
  await stage.now()
  // Within the quarter of a second: waits. The template after it is told at once.
  await stage.api.put('presence', presence(2))
  await stage.api.put('tenant', { id: tenantId('new'), weight: 1, createdAt: 1 })
  await stage.now()
  const cursor = listener.cursor
  assert.ok(listener.changes().includes('tenant/new'))
  listener.close()
  const back = await stage.listen(cursor)
  assert.ok(back.changes().includes('controller/a'), 'the report that had waited')
})

for (const [what, cursor] of [
  ['of another start', () => 'zzzzzzzz:1'],
  ['that is no cursor', () => 'nonsense'],
  ['from the future', (boot: string) => `${boot}:999999`],
  ['without a number', (boot: string) => `${boot}:`],
] as const)
  test(`a cursor ${what} starts over`, async () => {
    await using stage = await Stage.open()
    const listener = await stage.listen(cursor(stage.hub.boot))
    assert.deepEqual(
      listener.take().map(({ name, data }) => [name, data]),
      [['reset', {}]],
    )
    await stage.api.put('controller', aController('a'))
    await stage.now()
    assert.ok(listener.changes().includes('controller/a'), 'the stream goes on after a reset')
  })

test('a cursor that is too old starts over', async () => {
  await using stage = await Stage.open()
  const { cursor } = stage.hub
  const hosts: Host[] = Array.from({ length: 2_000 }, (_, i) => aHost(`h${i}`))
  for (let i = 0; i < (JOURNAL_LENGTH * 1.25) / hosts.length + 1; i++) await stage.api.put('host', ...hosts)
  assert.equal((await stage.listen(cursor)).take()[0]?.name, 'reset')
})

test('one that missed more than is worth telling starts over', async () => {
  await using stage = await Stage.open()
  const { cursor } = stage.hub
  await stage.api.put('host', ...Array.from({ length: MAX_REPLAY + 1 }, (_, i) => aHost(`h${i}`)))
  assert.equal((await stage.listen(cursor)).take()[0]?.name, 'reset')
})

test('a tenant hears of its own and of what is everyone’s, also when it comes back', async () => {
  await using stage = await Stage.open()
  const own = { tenant: tenantId('red') }
  const other = { tenant: tenantId('blue') }
  const listener = await stage.listen(undefined, 'red')
  const { cursor } = listener
  const all = await stage.listen()
  listener.take()
  await stage.api.put('controller', aController('red-ci', own), aController('blue-ci', other))
  await stage.api.put('agent', anAgent('blue-agent', 'blue-ci', other))
  await stage.api.put('demand', demandOf('blue-ci', ['1']))
  await stage.api.put('host', aHost('shared'), aHost('blue-host', { reservedFor: tenantId('blue') }))
  await stage.api.remove('agent', 'blue-agent')
  await stage.api.remove('controller', 'blue-ci')
  await stage.api.clock.advance(SOON_MS)
  const expected = ['-tenant/red', 'controller/red-ci', 'host/shared', 'queue/red-ci']
  for (const heard of [listener, await stage.listen(cursor, 'red')]) {
    const text = JSON.stringify(heard.frames)
    assert.doesNotMatch(text, /blue/)
    assert.deepEqual([...new Set(heard.changes())].sort(), expected)
  }
  assert.match(JSON.stringify(all.frames), /blue-ci/)
})

test('a template that is taken from a tenant is gone for it', async () => {
  await using stage = await Stage.open()
  const token = await stage.api.token('admin')
  const put = (scope: object) => stage.api.request('PUT', '/api/v1/templates/t', { token, body: { labels: ['x'], scope } })
  await put({ kind: 'global' })
  const listener = await stage.listen(undefined, 'red')
  await put({ kind: 'tenant', tenant: 'default' })
  await stage.now()
  assert.deepEqual(listener.changes(), ['-template/t'])
})

test('the stream of a token that is revoked or has expired ends', async () => {
  await using stage = await Stage.open()
  const revoked = await stage.listen()
  await stage.api.remove('token', 't-all')
  assert.ok(revoked.ended)

  const expiresAt = stage.api.clock.now() + HEARTBEAT_MS
  const token: Token = { id: 'short', name: 't', role: 'viewer', hash: 'h', createdAt: 1, expiresAt }
  await stage.api.put('token', token)
  const expired = new Listener()
  stage.hub.open(principalOf(token), undefined, expired)
  await stage.api.clock.advance(HEARTBEAT_MS)
  assert.ok(expired.ended)
})

test('a client that does not read is cut, the others are not', async () => {
  await using stage = await Stage.open()
  const [slow, quick] = [await stage.listen(), await stage.listen()]
  slow.bufferedBytes = MAX_CLIENT_BUFFER_BYTES + 1
  await stage.api.put('controller', aController('a'))
  await stage.now()
  assert.ok(slow.ended)
  assert.equal(slow.frames.filter(({ name }) => name !== undefined).length, 1)
  assert.ok(!quick.ended && quick.changes().includes('controller/a'))
})

test('a still stream is kept open by a comment every 15 s, and nothing is kept for nobody', async () => {
  await using stage = await Stage.open()
  const listener = await stage.listen()
  await stage.api.clock.advance(2 * HEARTBEAT_MS)
  assert.deepEqual(listener.comments, [': still here', ': still here'])
  listener.close()
  await stage.api.clock.advance(HEARTBEAT_MS)
  assert.equal(stage.api.clock.nextAt, undefined, 'no timer is left')
})

test('a view that cannot be made cuts all streams and is logged, the store goes on', async () => {
  await using stage = await Stage.open()
  const listener = await stage.listen()
  stage.api.observations.get = () => {
    throw new Error('broken')
  }
  await stage.api.put('controller', aController('a', { workload: workloadId('w') }))
  await stage.now()
  assert.ok(listener.ended)
  assert.equal(stage.api.lines.at(-1)?.level, 'error')
  await stage.api.put('controller', aController('b'))
})
