import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effect } from '@preact/signals'
import { liveMap } from './live-map.ts'

test('a change runs what watches that row and nothing else', () => {
  const map = liveMap<number>()
  map.replaceAll([
    ['a', 1],
    ['b', 2],
  ])
  const seen: string[] = []
  effect(() => {
    seen.push(`a=${map.watch('a')}`)
  })
  effect(() => {
    seen.push(`b=${map.watch('b')}`)
  })
  effect(() => {
    seen.push(`all=${map.all.value.length}`)
  })
  map.put('b', 3)
  assert.deepEqual(seen, ['a=1', 'b=2', 'all=2', 'b=3'])
  map.settle()
  assert.deepEqual(seen.slice(4), ['all=2'])
  map.settle()
  assert.equal(seen.length, 5, 'nothing changed since, so nothing runs')
})

test('what watches a row that is not there hears of its appearing', () => {
  const map = liveMap<number>()
  const seen: (number | undefined)[] = []
  effect(() => {
    seen.push(map.watch('a'))
  })
  map.put('a', 1)
  map.put('a', 2)
  assert.deepEqual(seen, [undefined, 1, 2])
})

test('what is gone is gone at once, and comes back', () => {
  const map = liveMap<number>()
  map.put('a', 1)
  const seen: (number | undefined)[] = []
  effect(() => {
    map.ids.value
    seen.push(map.peek('a'))
  })
  map.put('a', null)
  map.put('a', 2)
  assert.deepEqual(seen, [1, undefined, 2])
})

test('a new list replaces rows, keeps the ones that stay, drops the others', () => {
  const map = liveMap<number>()
  map.replaceAll([
    ['a', 1],
    ['b', 2],
  ])
  map.replaceAll([
    ['b', 5],
    ['c', 3],
  ])
  assert.deepEqual(map.ids.value, ['b', 'c'])
  assert.deepEqual(map.all.value, [5, 3])
})
