import type { Clock } from '../../runtime/index.ts'
import type { CliContext, OutputStream } from '../context.ts'
import { type Terminal, terminalOf } from '../output/terminal.ts'
import { printable } from '../output/width.ts'
import { blockLines, endedLine, type LiveStep } from './live-block.ts'
import { LiveRegion } from './live-region.ts'
import type { Amount, Progress } from './progress.ts'

/** Spinner and seconds move this often; fast enough to look alive, slow enough for a line over ssh. */
const FRAME_MS = 100

/**
 * The display for a terminal: what runs now is a block at the bottom that is redrawn, what is over is printed above it and stays in the
 * terminal's history, the log between them in order.
 */
export class TerminalProgress implements Progress {
  readonly #stream: OutputStream
  readonly #clock: Clock
  readonly #env: CliContext['env']
  readonly #region: LiveRegion
  readonly #steps = new Map<string, LiveStep>()
  #frame = 0
  #cancelFrame: (() => void) | undefined
  #closed = false
  readonly #onExit = (): void => this.close()

  constructor(stream: OutputStream, clock: Clock, env: CliContext['env']) {
    this.#stream = stream
    this.#clock = clock
    this.#env = env
    this.#region = new LiveRegion(stream)
    // A process that ends without having closed its display must not leave a terminal without a cursor.
    process.once('exit', this.#onExit)
  }

  step(id: string, title: string): void {
    this.#steps.set(id, { title, startedAt: this.#clock.monotonic(), text: '' })
    this.#draw([])
  }

  update(id: string, text: string, amount?: Amount): void {
    const step = this.#steps.get(id)
    // A known step is shown as it is now by the next frame: a download tells of every packet.
    if (step) this.#steps.set(id, { title: step.title, startedAt: step.startedAt, text, ...(amount === undefined ? {} : { amount }) })
    else this.step(id, text)
  }

  done(id: string, text: string): void {
    this.#end(id, text, 'good')
  }

  fail(id: string, text: string): void {
    this.#end(id, text, 'bad')
  }

  log(line: string): void {
    const { paint, glyphs } = this.#terminal
    this.#draw([`  ${paint('dim', `${glyphs.bar} ${printable(line)}`)}`])
  }

  say(line: string): void {
    this.#draw(line.split('\n').map(printable))
  }

  close(): void {
    if (this.#closed) return
    // What has not ended is left on the screen as it stood.
    this.#region.draw([], [])
    this.#region.end()
    this.#closed = true
    this.#cancelFrame?.()
    process.removeListener('exit', this.#onExit)
  }

  /** Looked at anew for each drawing, since a window's size changes. */
  get #terminal(): Terminal {
    return terminalOf(this.#stream, this.#env)
  }

  #end(id: string, text: string, ending: 'good' | 'bad'): void {
    const step = this.#steps.get(id)
    this.#steps.delete(id)
    const tookMs = step && this.#clock.monotonic() - step.startedAt
    this.#draw([endedLine(step?.title, text, ending, tookMs, this.#terminal)])
  }

  #draw(above: readonly string[]): void {
    if (this.#closed) {
      for (const line of above) this.#stream.write(`${line}\n`)
      return
    }
    this.#region.draw(above, blockLines([...this.#steps.values()], this.#clock.monotonic(), this.#frame, this.#terminal, this.#stream.rows))
    if (this.#steps.size > 0) this.#cancelFrame ??= this.#clock.after(FRAME_MS, () => this.#nextFrame())
  }

  #nextFrame(): void {
    this.#cancelFrame = undefined
    if (this.#closed) return
    this.#frame++
    this.#draw([])
  }
}
