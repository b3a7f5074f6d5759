import type { OutputStream } from '../context.ts'

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const
export type Colour = keyof typeof CODES

/** How to write to one stream: what its far end can show. */
export type Terminal = {
  readonly interactive: boolean
  /** Absent where the far end is no terminal: nothing is cut for a file or a pipe. */
  readonly columns?: number
  readonly paint: (colour: Colour, text: string) => string
  readonly glyphs: Glyphs
}

export type Glyphs = {
  readonly good: string
  readonly moving: string
  readonly off: string
  readonly bad: string
  readonly unsure: string
  readonly check: string
  readonly cross: string
  readonly bar: string
  readonly ellipsis: string
  readonly full: string
  readonly empty: string
  /** What is not there yet and asked for. */
  readonly waiting: string
  readonly spinner: readonly string[]
}

const UNICODE: Glyphs = {
  good: '●',
  moving: '◐',
  off: '○',
  bad: '✖',
  unsure: '?',
  check: '✔',
  cross: '✖',
  bar: '│',
  ellipsis: '…',
  full: '█',
  empty: '░',
  waiting: '▒',
  spinner: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
}
const ASCII: Glyphs = {
  good: '*',
  moving: '~',
  off: '-',
  bad: 'x',
  unsure: '?',
  check: 'ok',
  cross: 'x',
  bar: '|',
  ellipsis: '...',
  full: '#',
  empty: '.',
  waiting: '+',
  spinner: ['|', '/', '-', '\\'],
}

type Environment = Readonly<Record<string, string | undefined>>

/** Narrower than this nothing reads well, so nothing is cut narrower. */
const LEAST_COLUMNS = 40

/** What a stream's far end can show, from the stream and the environment (NO_COLOR, TERM, the locale). */
export const terminalOf = (stream: OutputStream, env: Environment): Terminal => {
  const interactive = stream.isTTY === true && env.TERM !== 'dumb'
  const coloured = interactive && !env.NO_COLOR
  const columns = interactive ? Math.max(LEAST_COLUMNS, stream.columns ?? 80) : undefined
  return {
    interactive,
    ...(columns === undefined ? {} : { columns }),
    paint: (colour, text) => (coloured && text !== '' ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text),
    glyphs: showsUnicode(env) ? UNICODE : ASCII,
  }
}

/** A locale that was not set says nothing: containers have none, and the terminals before them show Unicode. */
const showsUnicode = (env: Environment): boolean => {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG
  return locale === undefined || locale === '' || /utf-?8/i.test(locale)
}
