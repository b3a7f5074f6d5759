import assert from 'node:assert/strict'
import { test } from 'node:test'
import { neighbourOf } from './neighbour.ts'

/** Two groups side by side, rows of two, the left with three squares and the right with four. */
const places = [
  { left: 0, top: 0 },
  { left: 20, top: 0 },
  { left: 0, top: 20 },
  { left: 200, top: 0 },
  { left: 220, top: 0 },
  { left: 200, top: 20 },
  { left: 220, top: 20 },
]

test('arrows move to the square that the eye expects', () => {
  const table: readonly (readonly [number, string, number])[] = [
    [0, 'ArrowRight', 1],
    [0, 'ArrowLeft', 0],
    [0, 'ArrowDown', 2],
    [1, 'ArrowDown', 2],
    [4, 'ArrowDown', 6],
    [6, 'ArrowUp', 4],
    [0, 'ArrowUp', 0],
    [6, 'ArrowRight', 6],
    [3, 'Home', 0],
    [3, 'End', 6],
    [3, 'x', 3],
  ]
  for (const [from, key, to] of table) assert.equal(neighbourOf(places, from, key), to, `${key} from ${from}`)
})

test('from a square that is gone it goes to the first', () => {
  assert.equal(neighbourOf(places, -1, 'ArrowRight'), 0)
})
