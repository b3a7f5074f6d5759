import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EventStreamParser, MAX_EVENT_CHARACTERS, type ServerSentEvent } from './sse.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const parse = (...texts: string[]): ServerSentEvent[] => {
  const parser = new EventStreamParser()
  return texts.flatMap(text => parser.push(bytes(text)))
}

test('fields, comments and the default name are read as the standard has them', () => {
  assert.deepEqual(parse(': hello\n\nid: 7\nevent: change\ndata: {"a":1}\n\n'), [{ id: '7', event: 'change', data: '{"a":1}' }])
  assert.deepEqual(parse('data:one\ndata: two\ndata:  three\n\n'), [{ id: '', event: 'message', data: 'one\ntwo\n three' }])
  assert.deepEqual(parse('data\n\n'), [{ id: '', event: 'message', data: '' }])
  assert.deepEqual(parse('\u{feff}data: x\r\n\r\n'), [{ id: '', event: 'message', data: 'x' }])
})

test('an id stays until the next one, and one with a NUL is none', () => {
  assert.deepEqual(
    parse('id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\nid\ndata: d\n\n').map(({ id }) => id),
    ['1', '1', '1', ''],
  )
})

test('an event without data is none, and its name is not kept for the next', () => {
  assert.deepEqual(parse('event: reset\n\ndata: x\n\n'), [{ id: '', event: 'message', data: 'x' }])
})

test('an unfinished event is not told', () => {
  assert.deepEqual(parse('data: x\n'), [])
})

test('an event without an end is refused instead of filling the memory', () => {
  const parser = new EventStreamParser()
  const chunk = bytes('x'.repeat(1_048_576))
  assert.throws(() => {
    for (let sent = 0; sent <= MAX_EVENT_CHARACTERS; sent += chunk.length) parser.push(chunk)
  }, RangeError)
})

test('events are the same wherever the bytes are split, and whatever ends a line', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map(value => value.replaceAll(/[\r\n\0]/g, ''))
  const event = fc.record({ id: text, event: text, data: fc.array(text, { minLength: 1, maxLength: 3 }) })
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 5 }),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.array(fc.nat({ max: 400 })),
      (events, end, cuts) => {
        const stream = events
          .map(({ id, event: name, data }) =>
            [`id: ${id}`, `event: ${name}`, ': comment', ...data.map(line => `data: ${line}`), '', ''].join(end),
          )
          .join('')
        const all = bytes(stream)
        const places = [0, ...cuts.filter(cut => cut < all.length).toSorted((a, b) => a - b), all.length]
        const parser = new EventStreamParser()
        const found = places.slice(1).flatMap((to, index) => parser.push(all.subarray(places[index], to)))
        assert.deepEqual(
          found,
          events.map(({ id, event: name, data }) => ({ id, event: name || 'message', data: data.join('\n') })),
        )
      },
    ),
  )
})
