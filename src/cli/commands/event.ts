import type { Command } from 'commander'
import type { EventView } from '../../api/contract.ts'
import { SUBJECT_KINDS } from '../../model/index.ts'
import { followChanges } from '../changes.ts'
import { ManorClient } from '../client.ts'
import { type CommandModule, type CommonOptions, completedBy, examples, onAction, parsed, withJson } from '../command-module.ts'
import type { CliContext } from '../context.ts'
import { remark, say, sayJsonLine, show } from '../output/print.ts'
import { type Terminal, terminalOf } from '../output/terminal.ts'
import { formatTime } from '../output/units.ts'
import { hang, pad, printable } from '../output/width.ts'
import { parseCount } from '../quantities.ts'

const DEFAULT_LIMIT = 50
const MOST_EVENTS = 1_000

type Filter = { readonly kind?: string; readonly subject?: string }
type ListOptions = Filter & { readonly follow?: boolean; readonly limit?: number }

export const eventCommand: CommandModule = {
  register: (command, context) => {
    command.description('Events: who did what, and what happened. The newest 200,000 are kept.')
    registerList(command, context)
    examples(command, [['event list --follow', 'watch everything that happens']])
  },
}

const registerList = (parent: Command, context: CliContext): void => {
  const list = parent
    .command('list')

    .summary('List the latest, and follow')
    .description('List the latest events, oldest first.')
  list.option('-f, --follow', 'go on with what happens from now on, until ctrl-C')
  list.addOption(list.createOption('--kind <kind>', 'only those about one kind of thing').choices([...SUBJECT_KINDS]))
  list.addOption(completedBy(list.createOption('--subject <name>', 'only those about one thing, by its name'), 'controller'))
  list.addOption(
    parsed('--limit <count>', `how many of the latest (default: ${DEFAULT_LIMIT})`, (what, text) => parseCount(what, text, 0, MOST_EVENTS)),
  )
  withJson(list)
  examples(list, [
    ['event list --follow', 'watch everything that happens'],
    ['event list --kind controller --subject team-a', 'see what happened to team-a'],
    ['event list --follow --limit 0 --json', 'as one JSON object a line, for a program'],
  ])
  onAction<ListOptions>(list, async (_, { follow, ...options }) => {
    const client = new ManorClient(context, options)
    const found = await latest(client, options)
    const { events } = found
    if (follow) return followEvents(client, context, options, found)
    const lines = (terminal: Terminal): string => events.map(event => eventLine(event, terminal, context.clock.now())).join('\n')
    show(context, options.json, events, terminal => (events.length === 0 ? 'No such events yet.' : lines(terminal)))
  })
}

/** The latest events, oldest first, the feed's cursor after them, and the number of the newest. */
type Latest = { readonly events: readonly EventView[]; readonly cursor: string | undefined; readonly seq: number }

const latest = async (client: ManorClient, { kind, subject, limit = DEFAULT_LIMIT }: ListOptions): Promise<Latest> => {
  const { view, cursor } = await client.ask<readonly EventView[]>('GET', '/events', {
    query: { kind, subject, limit: Math.max(1, limit), newestFirst: true },
  })
  return { events: view.slice(0, limit).toSorted((a, b) => a.seq - b.seq), cursor, seq: Math.max(0, ...view.map(event => event.seq)) }
}

const followEvents = async (
  client: ManorClient,
  context: CliContext,
  options: ListOptions & CommonOptions,
  { events, cursor, seq }: Latest,
): Promise<void> => {
  const terminal = terminalOf(context.stdout, context.env)
  let lastSeq = seq
  const tell = (event: EventView): void => {
    if (!matches(event, options)) return
    if (options.json) sayJsonLine(context, event)
    else say(context, eventLine(event, terminal, context.clock.now()))
  }
  // An event may come again: after a resume, and where the list is read anew after a gap.
  const tellOnce = (event: EventView): void => {
    if (event.seq <= lastSeq) return
    lastSeq = event.seq
    tell(event)
  }
  for (const event of events) tell(event)
  for await (const message of followChanges((after, signal) => client.openChanges(after, signal), cursor, context)) {
    switch (message.kind) {
      case 'event':
        tellOnce(message.event)
        break
      case 'reset':
        for (const event of (await latest(client, { ...options, limit: MOST_EVENTS })).events) tellOnce(event)
        break
      case 'lost':
        remark(context, '(the connection is lost: trying again until Manor answers)')
        break
      case 'change':
        break
    }
  }
}

const matches = (event: EventView, { kind, subject }: Filter): boolean =>
  (kind === undefined || event.kind === kind) && (subject === undefined || event.subject === subject)

/** `manor` is the widest actor-less kind that is common; longer ones push their line, which reads better than a wide gap in all. */
const KIND_COLUMNS = 10

const eventLine = (event: EventView, { paint, columns }: Terminal, now: number): string => {
  const actor = event.actor === 'manor' ? '' : ` ${paint('dim', `(${printable(event.actor)})`)}`
  return hang(
    `${paint('dim', formatTime(event.at, now))}  ${paint('cyan', pad(event.kind, KIND_COLUMNS))}  `,
    `${printable(event.message)}${actor}`,
    columns,
  )
}
