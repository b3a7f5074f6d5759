import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostId, type Resources, tenantId } from '../model/index.ts'
import { type Around, type HeldSpare, needlessSpares } from './needless-spares.ts'

const size = (cpu: number): Resources => ({ cpu, memoryMb: cpu * 1_024, diskMb: 0 })
const spareOf = (id: string, change: Partial<HeldSpare<string>> = {}): HeldSpare<string> => ({
  id,
  tenant: tenantId('red'),
  host: hostId('a'),
  resources: size(1),
  ...change,
})
const around = (change: Partial<Around> = {}): Around => ({
  takesWork: () => true,
  quotaOf: () => undefined,
  usedBy: () => size(0),
  wantedBy: () => [],
  ...change,
})

test('spares stay where their team has no quota and their host takes builds', () => {
  assert.deepEqual([...needlessSpares([spareOf('1'), spareOf('2', { host: undefined })], around())], [])
})

test('a spare on a host that takes nothing new goes, whatever its team may use', () => {
  const gone = needlessSpares([spareOf('1'), spareOf('2', { host: hostId('b') })], around({ takesWork: host => host !== 'b' }))
  assert.deepEqual(
    [...gone].map(([id, { code }]) => [id, code]),
    [['2', 'superseded']],
  )
})

test('builds come before spares in a quota, and of spares the newest goes first', () => {
  const spares = [spareOf('new', { since: 9 }), spareOf('old', { since: 1 }), spareOf('other', { tenant: tenantId('blue'), since: 10 })]
  const quotaOf = (tenant: string): Resources | undefined => (tenant === 'red' ? { cpu: 3, memoryMb: 99_999, diskMb: 0 } : undefined)
  const goneWith = (cpu: number): string[] => [...needlessSpares(spares, around({ quotaOf, usedBy: () => size(cpu) })).keys()]
  assert.deepEqual(goneWith(1), [])
  assert.deepEqual(goneWith(1.9), ['new'])
  assert.deepEqual(goneWith(2), ['new'])
  assert.deepEqual(goneWith(3), ['old', 'new'])
})

test('what waits for the quota is given the part of spares, but for what they could not help', () => {
  const spares = [spareOf('new', { since: 9 }), spareOf('old', { since: 1 })]
  const quotaOf = (): Resources => ({ cpu: 4, memoryMb: 99_999, diskMb: 0 })
  const goneFor = (...wanted: number[]): string[] => [
    ...needlessSpares(spares, around({ quotaOf, usedBy: () => size(2), wantedBy: () => wanted.map(size) })).keys(),
  ]
  assert.deepEqual(goneFor(), [])
  assert.deepEqual(goneFor(1), ['new'])
  assert.deepEqual(goneFor(1, 1), ['old', 'new'])
  assert.deepEqual(goneFor(3), [], 'more than agents leave of it')
  assert.deepEqual(goneFor(3, 1), ['new'])
})

test('a large spare that does not fit does not take small ones with it', () => {
  const spares = [spareOf('large', { resources: size(4), since: 1 }), spareOf('small', { since: 2 })]
  assert.deepEqual([...needlessSpares(spares, around({ quotaOf: () => size(2) })).keys()], ['large'])
})
