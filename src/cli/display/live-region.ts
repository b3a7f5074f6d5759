import type { OutputStream } from '../context.ts'
import { widthOf } from '../output/width.ts'

/** Control sequences of ECMA-48 and DEC private modes that every terminal in use knows, or ignores. */
const ESC = '\u001b['
const HIDE_CURSOR = `${ESC}?25l`
const SHOW_CURSOR = `${ESC}?25h`
/** Asks a terminal to show all of a frame at once (synchronized output); those that do not know it draw as they read. */
const BEGIN_FRAME = `${ESC}?2026h`
const END_FRAME = `${ESC}?2026l`
const CLEAR_LINE_REST = `${ESC}K`
const CLEAR_SCREEN_REST = `${ESC}J`

/**
 * Lines at the bottom of a terminal that are drawn over again and again, below lines that stay. A frame is one write that a terminal shows at
 * once, so nothing flickers. The cursor rests below the last line.
 */
export class LiveRegion {
  readonly #stream: OutputStream
  #drawn: readonly string[] = []
  #hidden = false

  constructor(stream: OutputStream) {
    this.#stream = stream
  }

  /** Prints `above` for good, and `block` below it in place of the last block. No line of the block may be wider than the terminal. */
  draw(above: readonly string[], block: readonly string[]): void {
    if (above.length === 0 && block.length === 0 && this.#drawn.length === 0) return
    const up = this.#rowsOfLastBlock()
    const cursor = block.length > 0 ? this.#hide() : this.#show()
    const home = up > 0 ? `${ESC}${up}A\r` : ''
    // A line that stays may be wider than the terminal, and what it wraps onto must be blank.
    const kept = above.length > 0 ? `${CLEAR_SCREEN_REST}${above.map(line => `${line}\n`).join('')}` : ''
    const live = block.map(line => `${line}${CLEAR_LINE_REST}\n`).join('')
    this.#stream.write(`${BEGIN_FRAME}${cursor}${home}${kept}${live}${CLEAR_SCREEN_REST}${END_FRAME}`)
    this.#drawn = block
  }

  /** Gives the terminal back as it was found; what is drawn stays. */
  end(): void {
    const shown = this.#show()
    if (shown !== '') this.#stream.write(shown)
    this.#drawn = []
  }

  /** A window that has become narrower since has wrapped the lines: then each takes several rows. */
  #rowsOfLastBlock(): number {
    const columns = this.#stream.columns ?? 80
    return this.#drawn.reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(line) / columns)), 0)
  }

  #hide(): string {
    const sequence = this.#hidden ? '' : HIDE_CURSOR
    this.#hidden = true
    return sequence
  }

  #show(): string {
    const sequence = this.#hidden ? SHOW_CURSOR : ''
    this.#hidden = false
    return sequence
  }
}
