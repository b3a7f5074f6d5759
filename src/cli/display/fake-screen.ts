import type { OutputStream } from '../context.ts'

/**
 * A terminal's screen for tests: it understands the few control sequences that the display uses and notes any other in `unknown`. Lines are
 * kept with whether they go on in the next row, so that a change of width wraps them anew, as terminals do.
 */
export class FakeScreen implements OutputStream {
  readonly isTTY = true
  columns: number
  rows: number
  cursorHidden = false
  readonly unknown: string[] = []
  #grid: { text: string; wraps: boolean }[] = [{ text: '', wraps: false }]
  #row = 0
  #column = 0

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
  }

  /** What is on the screen, without blank lines at the end. */
  get lines(): readonly string[] {
    const lines = this.#grid.map(({ text }) => text.trimEnd())
    while (lines.at(-1) === '') lines.pop()
    return lines
  }

  write(text: string): boolean {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what this is about.
    for (const [part] of text.matchAll(/\u001b\[[?\d;]*[A-Za-z]|[\s\S]/gu)) this.#take(part)
    return true
  }

  resize(columns: number): void {
    const before = this.#grid
    const atEnd = this.#row === before.length - 1
    this.columns = columns
    this.#grid = []
    let line = ''
    for (const { text, wraps } of before) {
      line += text
      if (wraps) continue
      for (let start = 0; start === 0 || start < line.length; start += columns)
        this.#grid.push({ text: line.slice(start, start + columns), wraps: start + columns < line.length })
      line = ''
    }
    if (atEnd) this.#row = this.#grid.length - 1
  }

  #take(part: string): void {
    if (part === '\n') this.#newLine(false)
    else if (part === '\r') this.#column = 0
    else if (part.length > 1 && part.startsWith('\u001b')) this.#control(part)
    else this.#put(part)
  }

  #control(sequence: string): void {
    const count = Number(/\d+/.exec(sequence)?.[0] ?? 1)
    switch (sequence.replace(/(?<=\[)\d+(?=A)/, '')) {
      case '\u001b[A':
        this.#row = Math.max(0, this.#row - count)
        break
      case '\u001b[K':
        this.#line().text = this.#line().text.slice(0, this.#column)
        break
      case '\u001b[J':
        this.#line().text = this.#line().text.slice(0, this.#column)
        this.#grid.length = this.#row + 1
        break
      case '\u001b[?25l':
        this.cursorHidden = true
        break
      case '\u001b[?25h':
        this.cursorHidden = false
        break
      case '\u001b[?2026h':
      case '\u001b[?2026l':
        break
      default:
        this.unknown.push(sequence)
    }
  }

  #put(character: string): void {
    if (this.#column === this.columns) this.#newLine(true)
    const line = this.#line()
    const padded = line.text.padEnd(this.#column)
    line.text = padded.slice(0, this.#column) + character + padded.slice(this.#column + 1)
    this.#column++
  }

  #newLine(wraps: boolean): void {
    this.#line().wraps = wraps
    this.#row++
    this.#column = 0
    if (this.#row === this.#grid.length) this.#grid.push({ text: '', wraps: false })
  }

  #line(): { text: string; wraps: boolean } {
    const line = this.#grid[this.#row]
    if (!line) throw new Error(`The screen has no row ${this.#row}.`)
    return line
  }
}
