import type { CliContext } from '../context.ts'
import { type Terminal, terminalOf } from './terminal.ts'

export const say = (context: CliContext, text: string): void => void context.stdout.write(`${text}\n`)

/** A remark that is not the answer: a hint, a lost connection. Programs that read standard output do not see it. */
export const remark = (context: CliContext, text: string): void => {
  const { paint } = terminalOf(context.stderr, context.env)
  context.stderr.write(`${paint('dim', text)}\n`)
}

/** The answer of a command: the API's view as JSON, or text for a person. */
export const show = (context: CliContext, json: boolean | undefined, view: unknown, human: (terminal: Terminal) => string): void =>
  say(context, json ? JSON.stringify(view, null, 2) : human(terminalOf(context.stdout, context.env)))

/** One JSON value a line, for what has no end. */
export const sayJsonLine = (context: CliContext, view: unknown): void => say(context, JSON.stringify(view))
