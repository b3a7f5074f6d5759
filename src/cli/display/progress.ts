import type { CliContext, OutputStream } from '../context.ts'
import { terminalOf } from '../output/terminal.ts'
import { PlainProgress } from './plain-progress.ts'
import { TerminalProgress } from './terminal-progress.ts'

/** How much of something measurable is done, in whatever unit `text` speaks of. */
export type Amount = { readonly done: number; readonly total: number }

/**
 * Shows work that takes a while as steps which begin, change, and end well or badly; several may run at a time. Calls never throw and never
 * wait. A step that is unknown or has ended already is begun anew by `update`, `done` and `fail`, so that no news is lost.
 */
export interface Progress {
  /** A step begins; its seconds count from here. */
  step(id: string, title: string): void
  /** Where a step has got to, in a few words, and how much of it is done where that can be told. */
  update(id: string, text: string, amount?: Amount): void
  done(id: string, text: string): void
  fail(id: string, text: string): void
  /** One line of a log that somebody else writes, such as a build's. */
  log(line: string): void
  /** One line that stands for itself. */
  say(line: string): void
  /** Ends the display and leaves the terminal as it was found. May be called more than once. */
  close(): void
}

/** The display that fits the stream: a live one on a terminal, else plain lines. */
export const createProgress = (context: Pick<CliContext, 'clock' | 'env'>, stream: OutputStream): Progress => {
  const terminal = terminalOf(stream, context.env)
  if (!terminal.interactive) return new PlainProgress(stream, context.clock, terminal)
  return new TerminalProgress(stream, context.clock, context.env)
}
