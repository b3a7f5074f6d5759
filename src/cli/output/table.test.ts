import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Column, fields, table } from './table.ts'
import { terminalOf } from './terminal.ts'
import { widthOf } from './width.ts'

type Row = { readonly name: string; readonly state: string; readonly memory: string; readonly why: string }
const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', cell: ({ name }) => name, least: 8 },
  { title: 'STATE', cell: ({ state }) => ({ text: state, colour: 'green' }) },
  { title: 'MEMORY', cell: ({ memory }) => memory, align: 'right', droppable: 2 },
  { title: 'WHY', cell: ({ why }) => why, least: 12, droppable: 1 },
]
const ROWS: readonly Row[] = [
  { name: 'team-a', state: '● ready', memory: '412 MB', why: '' },
  { name: 'payments-nightly', state: '✖ failed', memory: '1.5 GB', why: 'It needed more than its 1024 MB.' },
]
const terminal = (columns: number, env = { NO_COLOR: '1' }) => terminalOf({ write: () => true, isTTY: true, columns }, env)
const pipe = terminalOf({ write: () => true }, {})
const shown = (columns: number): string => `\n${table(ROWS, COLUMNS, terminal(columns))}\n`

test('a wide terminal and a pipe show all', () => {
  const whole = `
NAME              STATE     MEMORY  WHY
team-a            ● ready   412 MB
payments-nightly  ✖ failed  1.5 GB  It needed more than its 1024 MB.
`
  assert.equal(shown(120), whole)
  assert.equal(`\n${table(ROWS, COLUMNS, pipe)}\n`, whole)
})

test('a narrower one cuts the widest columns first, down to what still says something', () => {
  assert.equal(
    shown(60),
    `
NAME              STATE     MEMORY  WHY
team-a            ● ready   412 MB
payments-nightly  ✖ failed  1.5 GB  It needed more than its…
`,
  )
  assert.equal(
    shown(44),
    `
NAME          STATE     MEMORY  WHY
team-a        ● ready   412 MB
payments-ni…  ✖ failed  1.5 GB  It needed m…
`,
  )
})

test('a very narrow one drops columns, the least wanted first', () => {
  const many: readonly Column<Row>[] = COLUMNS.map(column => ({ ...column, least: 14 }))
  const [header = ''] = table(ROWS, many, terminal(40)).split('\n')
  assert.deepEqual(header.split(/ +/), ['NAME', 'STATE', 'WHY'])
})

test('columns in which nothing stands are left out', () => {
  assert.doesNotMatch(table(ROWS.slice(0, 1), COLUMNS, pipe), /WHY/)
})

test('no line is ever wider than the terminal, as long as what may not be cut fits', () => {
  const word = fc.string({ unit: 'grapheme', maxLength: 30 })
  fc.assert(
    fc.property(
      fc.array(fc.record({ name: word, state: fc.constant('● ready'), memory: fc.constant('1 GB'), why: word }), { minLength: 1 }),
      fc.integer({ min: 40, max: 130 }),
      (rows, columns) => {
        for (const line of table(rows, COLUMNS, terminal(columns)).split('\n')) assert.ok(widthOf(line) <= columns)
      },
    ),
  )
})

test('colour is for terminals that want it', () => {
  const coloured = table(ROWS, COLUMNS, terminalOf({ write: () => true, isTTY: true, columns: 120 }, {}))
  assert.ok(coloured.includes('\u001b[32m● ready'))
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }])
    assert.ok(!table(ROWS, COLUMNS, terminalOf({ write: () => true, isTTY: true, columns: 120 }, env)).includes('\u001b'))
  assert.ok(!table(ROWS, COLUMNS, pipe).includes('\u001b'))
})

test('fields stand below each other, and those without a value are left out', () => {
  assert.equal(
    fields(
      [
        ['why', undefined],
        ['address', 'http://x/'],
        ['cpu', '1 core'],
      ],
      pipe,
    ),
    'address  http://x/\ncpu      1 core',
  )
})
