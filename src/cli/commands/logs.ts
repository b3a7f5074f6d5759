import type { Command } from 'commander'
import type { ManorClient } from '../client.ts'
import { type CommonOptions, parsed } from '../command-module.ts'
import type { CliContext } from '../context.ts'
import { remark, say, sayJsonLine } from '../output/print.ts'
import { parseCount } from '../quantities.ts'
import { LineSplitter, newBytes } from '../tail.ts'

export type LogOptions = { readonly follow?: boolean; readonly bytes?: number }

const DEFAULT_BYTES = 65_536
/** Most that the API gives of a log. */
const MOST_BYTES = 1_048_576
/** While a log is followed its end is read this often; what two readings have in common is shown once. */
const FOLLOW_EVERY_MS = 1_000

export const withLogOptions = (command: Command): Command =>
  command
    .option('-f, --follow', 'go on with what is written from now on, until ctrl-C')
    .addOption(
      parsed('--bytes <count>', `how much of its end (default: ${DEFAULT_BYTES})`, (what, text) => parseCount(what, text, 1, MOST_BYTES)),
    )

/** Shows the end of a log, and with --follow what comes. With --json each line is one JSON object. */
export const showLog = async (
  client: ManorClient,
  context: CliContext,
  options: LogOptions & CommonOptions,
  route: string,
): Promise<void> => {
  const tell = (line: string): void => (options.json ? sayJsonLine(context, { line }) : say(context, line))
  const lines = new LineSplitter()
  let before = await client.text(route, { bytes: options.bytes ?? DEFAULT_BYTES })
  for (const line of lines.push(before)) tell(line)
  if (!options.follow) {
    for (const line of lines.end()) tell(line)
    if (before.length === 0) remark(context, 'Nothing has been written yet.')
    return
  }
  for (;;) {
    await context.clock.sleep(FOLLOW_EVERY_MS, context.signal)
    const now = await client.text(route, { bytes: Math.max(options.bytes ?? 0, DEFAULT_BYTES) })
    const { bytes, gap } = newBytes(before, now)
    if (gap) remark(context, '(the log began anew, or much was written at once: some lines may be missing)')
    for (const line of lines.push(bytes)) tell(line)
    before = now
  }
}
