import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HostControl } from '../engines/engine.ts'
import { type Host, hostId } from '../model/index.ts'
import { seededRandom, settle, VirtualClock } from '../runtime/index.ts'
import { openSqliteStore, type Store } from '../store/index.ts'
import { HostKeeper } from './host-keeper.ts'
import { changeHost, cordonHost, drainHost, uncordonHost } from './operations.ts'

const H1 = hostId('h1')

/** An engine that places by itself, as far as its hosts go. */
class Placer implements HostControl {
  readonly asked: string[] = []
  state: Host['state'] = 'ready'
  role: Host['role'] = 'any'
  isBroken = false

  #hear(word: string, state: Host['state']): Promise<void> {
    this.asked.push(word)
    if (this.isBroken) return Promise.reject(new Error('No manager answers.'))
    this.state = state
    return Promise.resolve()
  }
  cordon(): Promise<void> {
    return this.#hear('cordon', 'cordoned')
  }
  uncordon(): Promise<void> {
    return this.#hear('uncordon', 'ready')
  }
  drain(): Promise<void> {
    return this.#hear('drain', 'draining')
  }
  async assign(_host: unknown, { role }: Pick<Host, 'role'>): Promise<void> {
    this.asked.push(`assign ${role}`)
    this.role = role
  }
}

type World = { readonly store: Store; readonly clock: VirtualClock; readonly errors: unknown[]; look(): Promise<void> }

const open = async (hostControl: Placer | undefined, work: (world: World) => Promise<void>): Promise<void> => {
  const clock = new VirtualClock()
  const store = await openSqliteStore(':memory:', clock)
  const errors: unknown[] = []
  const keeper = new HostKeeper({
    store,
    clock,
    random: seededRandom(1),
    engine: { placement: hostControl === undefined ? 'manor' : 'engine', ...(hostControl === undefined ? {} : { hostControl }) },
    observer: { all: () => [] },
    onError: (_id, cause) => errors.push(cause),
  })
  const told = (): Host => ({
    id: H1,
    engine: 'test',
    role: hostControl?.role ?? 'any',
    capacity: { cpu: 4, memoryMb: 8_000, diskMb: 50_000 },
    attributes: {},
    state: hostControl?.state ?? 'ready',
    seenAt: clock.now(),
    limits: { memory: true, cpu: true },
  })
  /** The engine is listed, and the keeper looks. */
  const look = async (): Promise<void> => {
    await keeper.told([told()])
    await clock.advance(12_000)
    await settle()
    await keeper.told([told()])
  }
  await keeper.told([told()])
  keeper.start()
  try {
    await work({ store, clock, errors, look })
  } finally {
    const stopped = keeper.stop()
    await clock.advance(1)
    await stopped
    await store.close()
  }
}

test('an engine that places by itself is told once: cordoned, drained when empty, put back', () => {
  const placer = new Placer()
  return open(placer, async ({ store, look, errors }) => {
    await cordonHost(store, H1, 'test')
    await look()
    await look()
    assert.deepEqual(placer.asked, ['cordon'])
    assert.equal(store.get('host', H1)?.state, 'cordoned')
    await drainHost(store, H1, undefined, 'test')
    await look()
    await look()
    assert.deepEqual(placer.asked, ['cordon', 'drain'])
    assert.equal(store.get('host', H1)?.state, 'drained')
    await uncordonHost(store, H1, { isTold: true }, 'test')
    await look()
    await look()
    assert.deepEqual(placer.asked, ['cordon', 'drain', 'uncordon'])
    assert.equal(store.get('host', H1)?.state, 'ready')
    assert.equal(store.get('host-wanted', H1), undefined, 'from here on whoever changes it at the engine is not overruled')
    placer.state = 'cordoned'
    await look()
    assert.deepEqual([store.get('host', H1)?.state, placer.asked.length], ['cordoned', 3])
    assert.deepEqual(errors, [])
  })
})

test('it is told what a host is for, and asked again where it did not hear', () => {
  const placer = new Placer()
  return open(placer, async ({ store, look, errors }) => {
    await changeHost(store, H1, { role: 'builds' }, 'test')
    await look()
    assert.deepEqual([placer.asked, store.get('host', H1)?.role], [['assign builds'], 'builds'])
    placer.isBroken = true
    await cordonHost(store, H1, 'test')
    await look()
    assert.ok(errors.length > 0)
    assert.equal(store.get('host', H1)?.state, 'cordoned', 'Manor itself gives no places there meanwhile')
    placer.isBroken = false
    await look()
    assert.equal(placer.state, 'cordoned')
  })
})

test('an empty host is drained at once, which is one event; a host that goes away and comes back is as it was wanted', () =>
  open(undefined, async ({ store, look }) => {
    await drainHost(store, H1, 60_000, 'test')
    assert.equal(store.get('host', H1)?.state, 'draining')
    await look()
    await look()
    assert.equal(store.get('host', H1)?.state, 'drained')
    const events = await store.events({ kind: 'host', subject: H1, limit: 10 })
    assert.deepEqual(
      events.map(({ type }) => type),
      ['drain-requested', 'drained'],
    )
    await store.transact(tx => tx.remove('host', H1))
    await look()
    assert.equal(store.get('host', H1)?.state, 'drained')
  }))

test('a host is put back at once, with one event, where no engine has to be told of it', () =>
  open(undefined, async ({ store, look }) => {
    await cordonHost(store, H1, 'test')
    await look()
    assert.equal((await uncordonHost(store, H1, { isTold: false }, 'test'))?.state, 'ready')
    assert.equal(store.get('host-wanted', H1), undefined)
    await changeHost(store, H1, { role: 'builds' }, 'test')
    await cordonHost(store, H1, 'test')
    await uncordonHost(store, H1, { isTold: false }, 'test')
    await look()
    assert.deepEqual([store.get('host', H1)?.state, store.get('host', H1)?.role], ['ready', 'builds'])
    const events = await store.events({ kind: 'host', subject: H1, limit: 10 })
    assert.deepEqual(
      events.map(({ type }) => type),
      ['cordoned', 'uncordoned', 'changed', 'cordoned', 'uncordoned'],
    )
  }))
