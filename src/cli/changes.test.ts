import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controllerView, eventView } from '../../tests/support/views.ts'
import { seededRandom, VirtualClock } from '../runtime/index.ts'
import { type FeedMessage, followChanges, MAX_RECONNECTS, type OpenChanges } from './changes.ts'
import { ApiError } from './client.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const event = (id: number, name: string, data: unknown): Uint8Array => bytes(`id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`)

/** Opens one scripted connection after the other, and remembers with which cursor each was opened. */
const connections = (...scripts: readonly (() => AsyncGenerator<Uint8Array>)[]): { open: OpenChanges; cursors: (string | undefined)[] } => {
  const cursors: (string | undefined)[] = []
  return {
    cursors,
    open: async cursor => {
      const script = scripts[cursors.length]
      cursors.push(cursor)
      if (!script) throw new Error('connection refused')
      return script()
    },
  }
}

/** Collects messages until there are `count`, while virtual time passes. */
const collect = async (open: OpenChanges, count: number): Promise<FeedMessage[]> => {
  const clock = new VirtualClock()
  const stop = new AbortController()
  const messages: FeedMessage[] = []
  const reading = (async () => {
    for await (const message of followChanges(open, '5', { clock, random: seededRandom(1), signal: stop.signal })) {
      messages.push(message)
      if (messages.length === count) return
    }
  })()
  let ended = false
  const settled = reading.finally(() => (ended = true))
  settled.catch(() => {})
  while (!ended) await clock.advance(1_000)
  await settled
  return messages
}

const change = { kind: 'controller', id: 'a', view: controllerView('a') } as const

test('changes, events and resets are told in order; what is not known is passed over', async () => {
  const told = eventView(9, 'Something happened.')
  const { open } = connections(async function* () {
    yield bytes(': hello\n\n')
    yield event(6, 'change', change)
    yield event(7, 'weather', {})
    yield event(8, 'event', told)
    yield event(9, 'reset', {})
  })
  assert.deepEqual(await collect(open, 3), [{ kind: 'change', change }, { kind: 'event', event: told }, { kind: 'reset' }])
})

test('a lost connection comes back after the last event, and is told of once', async () => {
  const { open, cursors } = connections(
    async function* () {
      yield event(6, 'change', change)
    },
    async function* () {
      // An id without an event says from where to resume.
      yield bytes('id: 8\n\n')
      throw new Error('cut')
    },
    async function* () {
      yield event(9, 'reset', {})
    },
  )
  assert.deepEqual(
    (await collect(open, 3)).map(({ kind }) => kind),
    ['change', 'lost', 'reset'],
  )
  assert.deepEqual(cursors, ['5', '6', '8'])
})

test('a refusal is final', async () => {
  const refusal = new ApiError({ type: '', title: '', code: 'token-unknown', status: 401, detail: 'The token is not known.' })
  await assert.rejects(
    collect(async () => {
      throw refusal
    }, 1),
    refusal,
  )
})

test('it gives up in the end', async () => {
  const { open, cursors } = connections()
  await assert.rejects(collect(open, 2), /connection refused/)
  assert.equal(cursors.length, MAX_RECONNECTS + 1)
})

test('a connection that falls silent is left', async () => {
  const opened: AbortSignal[] = []
  const open: OpenChanges = async (_, signal) => {
    opened.push(signal)
    if (opened.length > 1)
      return (async function* () {
        yield event(6, 'reset', {})
      })()
    return (async function* () {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      yield bytes('')
    })()
  }
  assert.deepEqual(
    (await collect(open, 2)).map(({ kind }) => kind),
    ['lost', 'reset'],
  )
})
