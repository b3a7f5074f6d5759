import type { ExplanationView } from '../../api/contract.ts'
import type { ManorClient } from '../client.ts'
import type { CommonOptions } from '../command-module.ts'
import type { CliContext } from '../context.ts'
import { show } from '../output/print.ts'
import type { Terminal } from '../output/terminal.ts'
import { formatRelative, formatTime } from '../output/units.ts'
import { hang, printable } from '../output/width.ts'

/** Shows why something is as it is: the state, the reason, the mend, and what led to it. */
export const explain = async (client: ManorClient, context: CliContext, options: CommonOptions, route: string): Promise<void> => {
  const view = await client.get<ExplanationView>(route)
  show(context, options.json, view, terminal => explanationText(view, terminal, context.clock.now()))
}

export const explanationText = ({ subject, state, reason, timeline }: ExplanationView, terminal: Terminal, now: number): string => {
  const { paint, columns } = terminal
  const why = reason
    ? [
        `${printable(reason.message)} ${paint('dim', `(${formatRelative(reason.since, now)})`)}`,
        ...(reason.mend ? [`${paint('yellow', 'Mend:')} ${reason.mend}`] : []),
      ]
    : []
  const happened = timeline.map(({ at, message }) => hang(`  ${paint('dim', formatTime(at, now))}  `, printable(message), columns))
  return [`${paint('bold', subject)}: ${state}`, ...why, ...(happened.length > 0 ? ['', 'What happened:', ...happened] : [])].join('\n')
}
