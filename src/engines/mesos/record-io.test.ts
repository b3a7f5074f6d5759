import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_RECORD_BYTES, RecordIoError, RecordReader } from './record-io.ts'

const framed = (records: readonly Uint8Array[]): Buffer =>
  Buffer.concat(records.flatMap(record => [Buffer.from(`${record.length}\n`), Buffer.from(record)]))

test('records come out as they went in, wherever the chunks of the connection end', () => {
  const record = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
    fc.string({ minLength: 1, unit: 'grapheme' }).map(text => new Uint8Array(Buffer.from(text))),
  )
  fc.assert(
    fc.property(fc.array(record), fc.array(fc.nat(500)), (records, cuts) => {
      const bytes = framed(records)
      const reader = new RecordReader()
      const out: Buffer[] = []
      const ends = [...cuts.filter(cut => cut <= bytes.length), bytes.length].toSorted((a, b) => a - b)
      let start = 0
      for (const end of ends) {
        out.push(...reader.push(bytes.subarray(start, end)))
        start = end
      }
      assert.deepEqual(
        out.map(one => [...one]),
        records.map(one => [...one]),
      )
    }),
  )
})

test('a length and a character may be split, byte by byte', () => {
  const reader = new RecordReader()
  const bytes = framed([Buffer.from('{"name":"Größe 🚚"}'), Buffer.from('x'.repeat(123))])
  const out = [...bytes].flatMap(byte => reader.push(Uint8Array.of(byte)).map(String))
  assert.deepEqual(out, ['{"name":"Größe 🚚"}', 'x'.repeat(123)])
})

for (const [what, bytes] of [
  ['a length that is no number', '12a\n'],
  ['an empty length', '\n'],
  ['a length of nothing', '0\nx'],
  ['a page of HTML', '<html>'],
  ['a length that never ends', '1'.repeat(20)],
  ['a record larger than is taken', `${MAX_RECORD_BYTES + 1}\n`],
] as const)
  test(`refused: ${what}`, () => {
    assert.throws(() => new RecordReader().push(Buffer.from(bytes)), RecordIoError)
  })
