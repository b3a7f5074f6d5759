import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LineSplitter, newBytes } from './tail.ts'

const between = (before: string, now: string): readonly [string, boolean] => {
  const { bytes, gap } = newBytes(Buffer.from(before), Buffer.from(now))
  return [bytes.toString(), gap]
}

test('only what was written since is new', () => {
  assert.deepEqual(between('', 'a\nb\n'), ['a\nb\n', false])
  assert.deepEqual(between('a\nb\n', 'a\nb\n'), ['', false])
  assert.deepEqual(between('a\nb\n', 'a\nb\nc\n'), ['c\n', false])
  assert.deepEqual(between('a\nb\nc\n', 'b\nc\nd\n'), ['d\n', false])
})

test('where nothing is in common all is new, and the gap is told', () => {
  assert.deepEqual(between('a\n', 'x\ny\n'), ['x\ny\n', true])
  assert.deepEqual(between('a\n', ''), ['', false])
})

test('a log of distinct lines, read through a window, is shown line by line once and whole', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 20 }), growths => {
      const window = 60
      let log = ''
      let before: Buffer = Buffer.alloc(0)
      let shown = ''
      for (const [turn, lines] of growths.entries()) {
        for (let line = 0; line < lines; line++) log += `${turn}:${line} line\n`
        const now = Buffer.from(log).subarray(-window)
        shown += newBytes(before, now).bytes.toString()
        before = now
      }
      assert.equal(shown, log)
    }),
  )
})

test('lines are whole, even where a character is split', () => {
  const splitter = new LineSplitter()
  const all = Buffer.from('grün\r\nblau')
  assert.deepEqual(splitter.push(all.subarray(0, 3)), [])
  assert.deepEqual(splitter.push(all.subarray(3)), ['grün'])
  assert.deepEqual(splitter.end(), ['blau'])
  assert.deepEqual(splitter.end(), [])
})
