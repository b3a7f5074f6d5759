import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HostTold, type HostWanted, hostId, tenantId } from '../model/index.ts'
import { isSettled, purposeWanted, settled, stepOf } from './steer.ts'

const told = (state: HostTold['state'], rest: Partial<HostTold> = {}): HostTold => ({ role: 'any', state, ...rest })
const wanted = (change: Partial<HostWanted>): HostWanted => ({ id: hostId('h1'), since: 1, ...change })

test('an engine that places by itself is told what is wanted, once, and drained only when it is empty', () => {
  const table: readonly (readonly [HostTold['state'], Partial<HostWanted>, ReturnType<typeof stepOf>])[] = [
    ['ready', {}, undefined],
    ['cordoned', {}, undefined],
    ['ready', { service: 'cordoned' }, 'cordon'],
    ['cordoned', { service: 'cordoned' }, undefined],
    ['draining', { service: 'cordoned' }, undefined],
    ['ready', { service: 'drained' }, 'cordon'],
    ['cordoned', { service: 'drained' }, undefined],
    ['cordoned', { service: 'drained', drainedAt: 2 }, 'drain'],
    ['draining', { service: 'drained', drainedAt: 2 }, undefined],
    ['ready', { service: 'open' }, undefined],
    ['cordoned', { service: 'open' }, 'uncordon'],
    ['draining', { service: 'open' }, 'uncordon'],
  ]
  for (const [state, want, step] of table) assert.equal(stepOf(told(state), wanted(want)), step, JSON.stringify([state, want]))
})

test('it is told what a host is for where it says something else', () => {
  const red = tenantId('red')
  assert.equal(purposeWanted(told('ready'), wanted({})), undefined)
  assert.equal(purposeWanted(told('ready', { role: 'builds' }), wanted({ role: 'builds' })), undefined)
  assert.deepEqual(purposeWanted(told('ready', { reservedFor: red }), wanted({ role: 'builds' })), { role: 'builds', reservedFor: red })
  assert.deepEqual(purposeWanted(told('ready', { reservedFor: red }), wanted({ reservedFor: null })), { role: 'any' })
})

test('a host that takes work again is left to its engine, but for what it is for', () => {
  assert.equal(isSettled(told('cordoned'), wanted({ service: 'open' }), true), false)
  assert.equal(isSettled(told('cordoned'), wanted({ service: 'open' }), false), true)
  assert.equal(isSettled(told('ready'), wanted({ service: 'open' }), true), true)
  assert.equal(isSettled(told('ready'), wanted({ service: 'cordoned' }), true), false)
  assert.equal(settled(wanted({ service: 'open' })), undefined)
  assert.deepEqual(settled(wanted({ service: 'open', role: 'builds' })), wanted({ role: 'builds' }))
})
