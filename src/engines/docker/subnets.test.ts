import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bridgeName, DEFAULT_POOL, piecesOf, placeOf, subnetOf } from './subnets.ts'

const rows: readonly (readonly [number: number, subnet: string])[] = [
  [0, '10.208.0.0/24'],
  [1, '10.208.1.0/24'],
  [256, '10.209.0.0/24'],
  [4_095, '10.223.255.0/24'],
  [4_096, '10.208.0.0/24'],
]
for (const [number, subnet] of rows)
  test(`piece ${number} is ${subnet}`, () => {
    assert.equal(subnetOf(DEFAULT_POOL, number), subnet)
  })

test('pieces of a pool differ and lie within it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 16, max: 20 }), fc.integer({ min: 21, max: 28 }), (prefix, piece) => {
      const pool = { base: '172.16.0.0', prefix, piece }
      const count = Math.min(piecesOf(pool), 300)
      const all = Array.from({ length: count }, (_, number) => subnetOf(pool, number))
      assert.equal(new Set(all).size, count)
      assert.ok(all.every(subnet => subnet.startsWith('172.16.') || subnet.startsWith('172.')))
    }),
  )
})

test('names of bridges fit an interface and stay the same', () => {
  fc.assert(
    fc.property(fc.string(), name => {
      assert.match(bridgeName(name), /^mnr[0-9a-z]{1,7}$/)
      assert.equal(placeOf(name), placeOf(name))
    }),
  )
})
