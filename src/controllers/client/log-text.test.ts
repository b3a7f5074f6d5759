import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LogText } from './log-text.ts'

const all = (pieces: readonly string[]): string => {
  const log = new LogText()
  return pieces.map(piece => log.add(piece)).join('') + log.end()
}

test('annotations are taken out and line ends made plain', () => {
  assert.equal(all(['a \u001b[8mha:xyz=\u001b[0mb\r\nc\u001b[1mbold\u001b[0m\n']), 'a b\nc\u001b[1mbold\u001b[0m\n')
})

test('an annotation that never ends is text in the end', () => {
  assert.equal(all(['x\u001b[8mha:abc']), 'x\u001b[8mha:abc')
  const endless = `\u001b[8mha:${'A'.repeat(70_000)}`
  assert.equal(all([endless, ' more']), `${endless} more`)
})

test('text does not depend on where it is cut', () => {
  const part = fc.constantFrom('a', '\r\n', '\r', '\n', '\u001b[8mha:', '\u001b[0m', '\u001b', '[8m', '🏰')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), fc.array(fc.nat(60), { maxLength: 8 }), (parts, cuts) => {
      const text = parts.join('')
      const bounds = [0, ...cuts.map(cut => Math.min(cut, text.length)).toSorted((a, b) => a - b), text.length]
      const pieces = bounds.slice(1).map((end, i) => text.slice(bounds[i], end))
      assert.equal(all(pieces), all([text]))
    }),
  )
})
