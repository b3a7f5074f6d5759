import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventView, TenantView } from '../../../src/api/contract.ts'
import { changeBuffer, MAX_EVENTS, mergeEvents } from './change-buffer.ts'

const event = (seq: number): EventView => ({
  seq,
  at: seq,
  kind: 'controller',
  subject: 'team-a',
  type: 'created',
  actor: 'manor',
  message: '',
  data: {},
})

test('of several changes of one row the last is kept, of several kinds with one id all', () => {
  const buffer = changeBuffer()
  const none = { cpu: 0, memoryMb: 0, diskMb: 0 }
  const tenant: TenantView = {
    id: 'x',
    weight: 1,
    createdAt: 0,
    controllers: 0,
    usedByControllers: none,
    usedByAgents: none,
    queued: 0,
    waiting: { agents: 0, resources: none },
    dominantShare: 0,
    notes: [],
    revision: 1,
  }
  buffer.add({ kind: 'tenant', id: 'x', view: tenant })
  buffer.add({ kind: 'tenant', id: 'x', view: null })
  buffer.add({ kind: 'controller', id: 'x', view: null })
  assert.deepEqual(buffer.take().changes, [
    { kind: 'tenant', id: 'x', view: null },
    { kind: 'controller', id: 'x', view: null },
  ])
  assert.deepEqual(buffer.take(), { changes: [], events: [] })
})

test('a page that was hidden for long keeps the newest events only', () => {
  const buffer = changeBuffer()
  for (let seq = 0; seq < 3 * MAX_EVENTS; seq++) buffer.addEvent(event(seq))
  const { events } = buffer.take()
  assert.equal(events.length, MAX_EVENTS)
  assert.equal(events.at(-1)?.seq, 3 * MAX_EVENTS - 1)
})

test('events are newest first, each once, bounded, and the same list where there are none', () => {
  const known = [event(3), event(2)]
  assert.deepEqual(
    mergeEvents(known, [event(3), event(5), event(1)]).map(({ seq }) => seq),
    [5, 3, 2, 1],
  )
  assert.equal(mergeEvents(known, []), known)
  assert.equal(
    mergeEvents(
      [],
      Array.from({ length: 2 * MAX_EVENTS }, (_, seq) => event(seq)),
    ).length,
    MAX_EVENTS,
  )
})
