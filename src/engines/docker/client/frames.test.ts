import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LineSplitter, LogFrames, type LogPiece } from './frames.ts'

/** Cuts bytes at places drawn by chance. */
const cut = (bytes: Uint8Array, places: readonly number[]): Uint8Array[] => {
  const at = [...new Set(places.map(place => place % (bytes.length + 1)))].toSorted((a, b) => a - b)
  return [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length))
}
const places = fc.array(fc.nat({ max: 5_000 }), { maxLength: 40 })

test('lines come out whole wherever the stream was cut, characters of several bytes included', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ text: fc.string({ unit: 'binary' }), emoji: fc.constantFrom('é', '🐳', '') })), places, (all, at) => {
      const lines = all.map(value => JSON.stringify(value))
      const splitter = new LineSplitter()
      const bytes = Buffer.from(lines.map(line => `${line}\n`).join(''))
      const out = cut(bytes, at).flatMap(chunk => splitter.push(chunk))
      assert.deepEqual(
        out.map(line => JSON.parse(line)),
        all.map(value => JSON.parse(JSON.stringify(value))),
      )
      assert.equal(splitter.end(), '')
    }),
  )
})

test('two events in one chunk, half an event, an empty line, and a last line without an end', () => {
  const splitter = new LineSplitter()
  assert.deepEqual(splitter.push(Buffer.from('{"a":1}\n{"b":2}\r\n\n{"c"')), ['{"a":1}', '{"b":2}'])
  assert.deepEqual(splitter.push(Buffer.from(':3}\n{"d"')), ['{"c":3}'])
  assert.equal(splitter.end(), '{"d"')
})

test('a line without an end does not fill the memory', () => {
  const splitter = new LineSplitter()
  assert.throws(() => {
    for (let i = 0; i < 20; i++) splitter.push(new Uint8Array(100_000).fill(97))
  }, RangeError)
})

const frame = (stream: number, bytes: Uint8Array): Buffer => {
  const header = Buffer.alloc(8)
  header.writeUInt8(stream, 0)
  header.writeUInt32BE(bytes.length, 4)
  return Buffer.concat([header, bytes])
}

test('log frames come out with their streams and bytes wherever they were cut', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 300 }))), places, (frames, at) => {
      const decoder = new LogFrames()
      const bytes = Buffer.concat(frames.map(([stream, content]) => frame(stream, content)))
      const pieces = cut(bytes, at).flatMap(chunk => decoder.push(chunk))
      const joined = (of: LogPiece['stream']): Buffer =>
        Buffer.concat(pieces.filter(({ stream }) => stream === of).map(piece => piece.bytes))
      const wanted = (of: number): Buffer => Buffer.concat(frames.filter(([stream]) => stream === of).map(([, content]) => content))
      assert.deepEqual(joined('stdout'), wanted(1))
      assert.deepEqual(joined('stderr'), wanted(2))
      // The order over both streams stays, too.
      assert.deepEqual(Buffer.concat(pieces.map(piece => piece.bytes)), Buffer.concat(frames.map(([, content]) => content)))
    }),
  )
})

test('bytes that are no frames are refused instead of being read as lengths', () => {
  assert.throws(() => new LogFrames().push(Buffer.from('plain text of a terminal')), RangeError)
})
