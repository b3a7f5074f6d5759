import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseLabelExpression } from './label-expression.ts'

const holds = (expression: string, labels: string): boolean => parseLabelExpression(expression)(new Set(labels.split(' ')))

test('operators bind as Jenkins has them', () => {
  const table: [expression: string, labels: string, expected: boolean][] = [
    ['linux', 'linux java', true],
    ['linux', 'windows', false],
    ['linux-x86_64.v2', 'linux-x86_64.v2', true],
    ['!linux', 'linux', false],
    ['!!linux', 'linux', true],
    ['a&&b', 'a b', true],
    ['a && b', 'a', false],
    ['a || b && c', 'a', true],
    ['(a || b) && c', 'a', false],
    ['!a && b', 'b', true],
    ['!(a && b)', 'a', true],
    ['a->b', 'c', true],
    ['a -> b', 'a', false],
    ['a -> b || c', 'a c', true],
    ['a<->b', 'c', true],
    ['a <-> b', 'a', false],
    ['a <-> b <-> c', 'c', true],
    ['a-b->c-d', 'a-b c-d', true],
    ['"with blank" && a', 'a', false],
    ['"a" && b', 'a b', true],
    ['  a\t', 'a', true],
  ]
  for (const [expression, labels, expected] of table) assert.equal(holds(expression, labels), expected, `${expression} on ${labels}`)
  assert.ok(parseLabelExpression('"two words" && "say \\"x\\""')(new Set(['two words', 'say "x"'])))
})

test('what is no expression is refused in words', () => {
  const table: [expression: string, message: RegExp][] = [
    ['', /ends where a label is expected/],
    ['a &&', /ends where a label/],
    ['a b', /"b" is not expected/],
    ['(a', /closing parenthesis/],
    ['a)', /"\)" is not expected/],
    ['a & b', /"& b" is not understood/],
    ['&& a', /"&&" stands where/],
    ['a -> b -> c', /"->" is not expected/],
    ['"open', /not understood/],
    [`${'('.repeat(500)}a${')'.repeat(500)}`, /nested more than/],
  ]
  for (const [expression, message] of table) assert.throws(() => parseLabelExpression(expression), { name: 'SyntaxError', message })
})

type Tree = { readonly text: string; readonly value: (labels: ReadonlySet<string>) => boolean }
const { tree } = fc.letrec<{ tree: Tree }>(tie => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('a', 'b', 'c-d').map((atom): Tree => ({ text: atom, value: labels => labels.has(atom) })),
    tie('tree').map((one): Tree => ({ text: `!(${one.text})`, value: labels => !one.value(labels) })),
    fc.tuple(tie('tree'), fc.constantFrom('&&', '||', '->', '<->'), tie('tree')).map(
      ([left, operator, right]): Tree => ({
        text: `(${left.text})${operator}(${right.text})`,
        value: labels => {
          const [l, r] = [left.value(labels), right.value(labels)]
          return { '&&': l && r, '||': l || r, '->': !l || r, '<->': l === r }[operator] ?? false
        },
      }),
    ),
  ),
}))

test('any expression means what its tree says', () => {
  fc.assert(
    fc.property(tree, fc.subarray(['a', 'b', 'c-d']), ({ text, value }, labels) => {
      assert.equal(parseLabelExpression(text)(new Set(labels)), value(new Set(labels)))
    }),
  )
})
