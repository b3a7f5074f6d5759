import type { Terminal } from '../output/terminal.ts'
import { pad, printable, truncate, widthOf } from '../output/width.ts'
import { seconds } from './plain-progress.ts'
import type { Amount } from './progress.ts'

/** A step that runs. Times are of the monotonic clock. */
export type LiveStep = { readonly title: string; readonly startedAt: number; readonly text: string; readonly amount?: Amount }

const BAR_COLUMNS = 24
/** Where less than this is free beside the seconds, the per cent alone are shown, so that the title can be read. */
const LEAST_FOR_BAR = 50
/** `1234.5 s` fits; the seconds of all lines stand below each other. */
const SECONDS_COLUMNS = 8
const DEFAULT_ROWS = 24

/** The lines of the block that shows what runs: one a step, each narrower than the terminal so that none wraps. Pure. */
export const blockLines = (
  steps: readonly LiveStep[],
  now: number,
  frame: number,
  terminal: Terminal,
  rows = DEFAULT_ROWS,
): readonly string[] => {
  // One row is left for the cursor and one for what is above.
  const room = Math.max(1, rows - 2)
  const shown = steps.length <= room ? steps : steps.slice(0, room - 1)
  const lines = shown.map(step => stepLine(step, now, frame, terminal))
  return shown.length === steps.length ? lines : [...lines, terminal.paint('dim', `  and ${steps.length - shown.length} more`)]
}

const stepLine = ({ title, startedAt, text, amount }: LiveStep, now: number, frame: number, terminal: Terminal): string => {
  const { paint, glyphs, columns = 80 } = terminal
  const spinner = glyphs.spinner[frame % glyphs.spinner.length] ?? ''
  const elapsed = pad(seconds(now - startedAt), SECONDS_COLUMNS, 'right')
  // The last column stays free: some terminals wrap as soon as it is written.
  const free = columns - 1 - widthOf(spinner) - SECONDS_COLUMNS - 3
  const bar = amount && amount.total > 0 ? `  ${barOf(amount, free < LEAST_FOR_BAR ? 0 : BAR_COLUMNS, terminal)}` : ''
  const room = free - widthOf(bar)
  const plainTitle = truncate(printable(title), room, glyphs.ellipsis)
  const detail = truncate(text === '' ? '' : `: ${printable(text)}`, room - widthOf(plainTitle), glyphs.ellipsis)
  return `${paint('cyan', spinner)} ${paint('dim', elapsed)}  ${plainTitle}${detail}${bar}`
}

const barOf = ({ done, total }: Amount, barColumns: number, { paint, glyphs }: Terminal): string => {
  const share = Math.max(0, Math.min(1, done / total))
  const full = Math.round(share * barColumns)
  const percent = `${Math.floor(share * 100)}%`.padStart(barColumns === 0 ? 0 : 5)
  return `${paint('green', glyphs.full.repeat(full))}${paint('dim', glyphs.empty.repeat(barColumns - full))}${percent}`
}

/** The line that stays when a step has ended. It may wrap: nothing is drawn over it. */
export const endedLine = (
  title: string | undefined,
  text: string,
  ending: 'good' | 'bad',
  tookMs: number | undefined,
  terminal: Terminal,
): string => {
  const { paint, glyphs } = terminal
  const mark = ending === 'good' ? paint('green', glyphs.check) : paint('red', glyphs.cross)
  const took = pad(tookMs === undefined ? '' : seconds(tookMs), SECONDS_COLUMNS, 'right')
  return `${mark} ${paint('dim', took)}  ${title === undefined ? '' : `${printable(title)}: `}${printable(text)}`
}
