import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { capacityOf, chooseShard, type Shard } from './overlays.ts'

const shard = (number: number, members: Readonly<Record<string, number>>): Shard => ({
  id: `net-${number}`,
  number,
  members: new Map(Object.entries(members)),
})

const rows: readonly (readonly [what: string, shards: readonly Shard[], kind: string, which?: string | number])[] = [
  ['none yet', [], 'make', 1],
  ['a roomy one', [shard(1, { other: 3 })], 'take', 'net-1'],
  ['its own, though another is roomier', [shard(1, {}), shard(2, { mine: 1, other: 8 })], 'take', 'net-2'],
  ['its own, which is full', [shard(1, { mine: 1, other: 9 }), shard(2, {})], 'full', 'net-1'],
  ['crowded ones only', [shard(1, { other: 6 })], 'make', 2],
  ['a gap in the numbers', [shard(1, { other: 6 }), shard(3, { other: 6 })], 'make', 2],
]
for (const [what, shards, kind, which] of rows)
  test(`an overlay for a workload, of ${what}: ${kind}`, () => {
    const choice = chooseShard(shards, 'mine', 10)
    assert.equal(choice.kind, kind)
    assert.equal(choice.kind === 'make' ? choice.number : choice.kind === 'too-many' ? undefined : choice.id, which)
  })

test('no overlay ever has more than it can take, and those that belong together share one', () => {
  const arrivals = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 300 })
  fc.assert(
    fc.property(arrivals, fc.integer({ min: 4, max: 40 }), (groups, capacity) => {
      const shards = new Map<string, Map<string, number>>()
      const numbers = new Map<string, number>()
      const homes = new Map<string, string>()
      for (const group of groups) {
        const together = `team-${group}`
        const all = () => [...shards].map(([id, members]) => ({ id, number: numbers.get(id) ?? 0, members }))
        let choice = chooseShard(all(), together, capacity)
        if (choice.kind === 'make') {
          shards.set(`net-${choice.number}`, new Map())
          numbers.set(`net-${choice.number}`, choice.number)
          choice = chooseShard(all(), together, capacity)
        }
        if (choice.kind !== 'take') continue
        const members = shards.get(choice.id)
        assert.ok(members !== undefined)
        members.set(together, (members.get(together) ?? 0) + 1)
        assert.ok([...members.values()].reduce((sum, count) => sum + count, 0) <= capacity)
        assert.equal(homes.get(together) ?? choice.id, choice.id)
        homes.set(together, choice.id)
      }
    }),
  )
})

test('what an overlay takes leaves an address for each node, and is never more than 200', () => {
  assert.equal(capacityOf(3), 200)
  assert.equal(capacityOf(100), 148)
  assert.equal(capacityOf(100, 22), 200)
  assert.equal(capacityOf(5_000), 16)
})
