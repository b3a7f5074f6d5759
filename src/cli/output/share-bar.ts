import type { Terminal } from './terminal.ts'

export type ShareBar = {
  readonly used: number
  readonly waiting: number
  /** Places that are marked: a guarantee, a quota. One beyond the end is not shown. */
  readonly marks: readonly (number | undefined)[]
  /** What the whole bar stands for. */
  readonly whole: number
}

/** `████▒▒░│░░`: used, then what waits, then room; a mark stands over the cell that it ends. Something is never shown as nothing. */
export const shareBar = ({ used, waiting, marks, whole }: ShareBar, columns: number, { glyphs }: Pick<Terminal, 'glyphs'>): string => {
  const cellsOf = (amount: number): number => {
    if (!(amount > 0 && whole > 0)) return 0
    return Math.min(columns, Math.max(1, Math.round((amount / whole) * columns)))
  }
  const full = cellsOf(used)
  const reached = Math.min(columns, Math.max(cellsOf(used + waiting), full + (waiting > 0 ? 1 : 0)))
  const cells = Array.from({ length: columns }, (_, at) => (at < full ? glyphs.full : at < reached ? glyphs.waiting : glyphs.empty))
  for (const mark of marks) if (mark !== undefined && mark > 0 && mark <= whole) cells[cellsOf(mark) - 1] = glyphs.bar
  return cells.join('')
}
