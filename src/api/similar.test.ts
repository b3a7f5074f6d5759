import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { similarTo } from './similar.ts'

const KNOWN = ['memoryMb', 'cpu', 'diskMb', 'graceMs', 'distribution']

for (const [name, meant] of [
  ['memory', 'memoryMb'],
  ['memorymb', 'memoryMb'],
  ['memroyMb', 'memoryMb'],
  ['cpus', 'cpu'],
  ['distro', undefined],
  ['zzz', undefined],
  ['', undefined],
] as const)
  test(`"${name}" ${meant === undefined ? 'is like nothing known' : `was meant to be ${meant}`}`, () =>
    assert.equal(similarTo(name, KNOWN), meant))

test('a known name is most like itself, and one dropped letter of a longer one is forgiven', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KNOWN), fc.nat(20), (name, at) => {
      assert.equal(similarTo(name, KNOWN), name)
      if (name.length > 3) assert.equal(similarTo(name.slice(0, at % name.length) + name.slice((at % name.length) + 1), KNOWN), name)
    }),
  )
})
