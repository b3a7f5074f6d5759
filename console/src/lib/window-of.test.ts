import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { windowOf } from './window-of.ts'

test('what is drawn covers what is seen, and the whole is as high as all rows', () => {
  fc.assert(
    fc.property(
      fc.nat(10_000),
      fc.integer({ min: 20, max: 80 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 100, max: 2_000 }),
      (count, height, at, view) => {
        const scrollTop = at * Math.max(0, count * height - view)
        const { first, end, before, after } = windowOf(count, height, scrollTop, view)
        assert.ok(first * height <= scrollTop)
        assert.ok(end * height >= Math.min(count * height, scrollTop + view - height))
        assert.equal(before + (end - first) * height + after, count * height)
        assert.ok(end - first <= Math.ceil(view / height) + 17)
      },
    ),
  )
})

test('rows that vanish while one is scrolled down leave no empty window', () => {
  const { first, end } = windowOf(10, 34, 200_000, 340)
  assert.deepEqual([first, end], [0, 10])
})
