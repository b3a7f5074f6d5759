import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bridgeName, bridgePrefix, DEFAULT_POOL, piecesOf, subnetOf } from './subnets.ts'

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

test("names of bridges fit an interface, stay the same, and begin with what is the owner's", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (owner, network) => {
      const name = bridgeName(owner, network)
      assert.match(name, /^mnr[0-9a-z]{11}$/)
      assert.ok(name.startsWith(bridgePrefix(owner)))
    }),
  )
})
