import type { Colour, Terminal } from './terminal.ts'
import { hang, pad, printable, truncate, widthOf } from './width.ts'

/** What stands in one place of a table. The colour is put on after the text was cut to its width. */
export type Cell = string | ColouredCell
export type ColouredCell = { readonly text: string; readonly colour: Colour }

export type Column<Row> = {
  readonly title: string
  readonly cell: (row: Row) => Cell
  readonly align?: 'left' | 'right'
  /** Columns with the largest number go first where the terminal is too narrow. 0, the default, never goes. */
  readonly droppable?: number
  /** May be cut down to this many characters before any column goes. Absent: never cut, as a name that is to be copied. */
  readonly least?: number
}

const GAP = '  '

type Laid = {
  readonly title: string
  readonly cells: readonly Cell[]
  readonly align: 'left' | 'right'
  readonly droppable: number
  readonly least: number
  width: number
}

/**
 * A table that fits the terminal: first the widest columns that may be cut are cut, then columns are dropped by their number. For a file or a
 * pipe (no `columns`) everything is shown whole. Empty columns are left out.
 */
export const table = <Row>(rows: readonly Row[], columns: readonly Column<Row>[], terminal: Terminal): string => {
  const laid = columns
    .map((column): Laid => {
      const cells = rows.map(row => cleaned(column.cell(row)))
      const width = Math.max(widthOf(column.title), ...cells.map(cell => widthOf(textOf(cell))))
      const { title, align = 'left', droppable = 0, least = width } = column
      return { title, cells, align, droppable, least: Math.min(width, Math.max(least, widthOf(title))), width }
    })
    .filter(({ cells }) => cells.some(cell => textOf(cell) !== ''))
  const fitting = terminal.columns === undefined ? laid : fit(laid, terminal.columns)
  const line = (of: (column: Laid) => string): string => fitting.map(of).join(GAP).trimEnd()
  const header = terminal.paint(
    'dim',
    line(column => pad(column.title, column.width, column.align)),
  )
  return [header, ...rows.map((_, index) => line(column => place(column, column.cells[index] ?? '', terminal)))].join('\n')
}

const textOf = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.text)
const cleaned = (cell: Cell): Cell => (typeof cell === 'string' ? printable(cell) : { ...cell, text: printable(cell.text) })

const place = (column: Laid, cell: Cell, terminal: Terminal): string => {
  const text = truncate(textOf(cell), column.width, terminal.glyphs.ellipsis)
  const painted = typeof cell === 'string' ? text : terminal.paint(cell.colour, text)
  return pad(painted, column.width, column.align)
}

const total = (columns: readonly Laid[], width: (column: Laid) => number): number =>
  columns.reduce((sum, column) => sum + width(column), 0) + GAP.length * Math.max(0, columns.length - 1)

const fit = (columns: readonly Laid[], available: number): readonly Laid[] => {
  let kept = columns
  while (total(kept, ({ least }) => least) > available) {
    const first = kept.reduce((most, column) => (column.droppable > most.droppable ? column : most), { droppable: 0 } as Pick<
      Laid,
      'droppable'
    >)
    if (first.droppable === 0) break
    kept = kept.filter(column => column !== first)
  }
  for (let over = total(kept, ({ width }) => width) - available; over > 0; over--) {
    const widest = kept.filter(({ width, least }) => width > least).toSorted((a, b) => b.width - a.width)[0]
    if (!widest) break
    widest.width--
  }
  return kept
}

/** Label and value, one a line; rows without a value are left out. */
export const fields = (rows: readonly (readonly [label: string, value: string | undefined])[], terminal: Terminal): string => {
  const shown = rows.filter((row): row is readonly [string, string] => row[1] !== undefined && row[1] !== '')
  const width = Math.max(0, ...shown.map(([label]) => widthOf(label)))
  return shown.map(([label, value]) => hang(`${terminal.paint('dim', pad(label, width))}${GAP}`, value, terminal.columns)).join('\n')
}
