import type { Clock } from '../../runtime/index.ts'
import type { OutputStream } from '../context.ts'
import type { Terminal } from '../output/terminal.ts'
import { printable } from '../output/width.ts'
import type { Amount, Progress } from './progress.ts'

/** A download says how far it is at most so often: a log that is read later needs no more. */
const AMOUNT_EVERY_MS = 5_000

type Step = { readonly title: string; readonly startedAt: number; text: string; toldAt: number }

/** Plain lines, each with the seconds since the start: for pipes, files and terminals that can no more. */
export class PlainProgress implements Progress {
  readonly #stream: OutputStream
  readonly #clock: Clock
  readonly #terminal: Terminal
  readonly #startedAt: number
  readonly #steps = new Map<string, Step>()

  constructor(stream: OutputStream, clock: Clock, terminal: Terminal) {
    this.#stream = stream
    this.#clock = clock
    this.#terminal = terminal
    this.#startedAt = clock.monotonic()
  }

  step(id: string, title: string): void {
    const now = this.#clock.monotonic()
    this.#steps.set(id, { title, startedAt: now, text: '', toldAt: now })
    this.#line(title)
  }

  update(id: string, text: string, amount?: Amount): void {
    const step = this.#steps.get(id)
    if (!step) {
      this.step(id, text)
      return
    }
    const now = this.#clock.monotonic()
    // The numbers of a download change with every packet, so its words alone do not count as news.
    const due = amount === undefined ? text !== step.text : now - step.toldAt >= AMOUNT_EVERY_MS
    if (!due) return
    step.text = text
    step.toldAt = now
    this.#line(`${step.title}: ${text}${percentOf(amount)}`)
  }

  done(id: string, text: string): void {
    this.#end(id, this.#terminal.glyphs.check, text)
  }

  fail(id: string, text: string): void {
    this.#end(id, this.#terminal.glyphs.cross, text)
  }

  log(line: string): void {
    this.#line(`  ${this.#terminal.glyphs.bar} ${line}`)
  }

  say(line: string): void {
    this.#line(line)
  }

  close(): void {
    this.#steps.clear()
  }

  #end(id: string, glyph: string, text: string): void {
    const step = this.#steps.get(id)
    this.#steps.delete(id)
    const took = step ? ` (${seconds(this.#clock.monotonic() - step.startedAt)})` : ''
    this.#line(`${glyph} ${step ? `${step.title}: ` : ''}${text}${took}`)
  }

  #line(text: string): void {
    const stamp = seconds(this.#clock.monotonic() - this.#startedAt).padStart(8)
    for (const line of text.split('\n')) this.#stream.write(`${stamp}  ${printable(line)}\n`)
  }
}

/** `12.3 s`: the same for all lines, so that they can be compared. */
export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

const percentOf = (amount: Amount | undefined): string =>
  amount === undefined || amount.total <= 0 ? '' : ` (${Math.min(100, Math.floor((100 * amount.done) / amount.total))} %)`
