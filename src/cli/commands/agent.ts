import type { Command } from 'commander'
import type { AgentView } from '../../api/contract.ts'
import { ManorClient, path } from '../client.ts'
import { type CommandModule, completedBy, examples, onAction, parsed, withJson } from '../command-module.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { CliError } from '../errors.ts'
import { workOf } from '../output/agent-work.ts'
import { show } from '../output/print.ts'
import { stateCell, stateText } from '../output/states.ts'
import { type Column, fields, table } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { formatCores, formatDuration, formatRelative, formatSize } from '../output/units.ts'
import { parseCount } from '../quantities.ts'
import { explain } from './explanation.ts'
import { type LogOptions, showLog, withLogOptions } from './logs.ts'

const DEFAULT_LIMIT = 500
const MOST_AGENTS = 10_000

export const agentCommand: CommandModule = {
  register: (command, context) => {
    command.description('Build agents: each is made for one build and is gone after it.')
    registerList(command, context)
    registerShow(command, context)
    registerExplain(command, context)
    registerLogs(command, context)
    examples(command, [
      ['agent list', 'see those that live'],
      ['agent explain team-a/17', 'learn why item 17 of the queue of team-a has none yet'],
    ])
  },
}

type ListOptions = { readonly controller?: string; readonly all?: boolean; readonly limit?: number }

const registerList = (parent: Command, context: CliContext): void => {
  const list = parent
    .command('list')

    .summary('List those that live')
    .description('List build agents that live; with --all those that have ended too.')
  list.addOption(completedBy(list.createOption('--controller <controller>', 'only those of one controller'), 'controller'))
  list.option('--all', 'those that have ended too')
  list.addOption(
    parsed('--limit <count>', `at most so many, newest first (default: ${DEFAULT_LIMIT})`, (what, text) =>
      parseCount(what, text, 1, MOST_AGENTS),
    ),
  )
  withJson(list)
  examples(list, [['agent list --controller team-a --all', 'see all that worked for team-a']])
  onAction<ListOptions>(list, async (_, { controller, all, limit = DEFAULT_LIMIT, ...options }) => {
    const client = new ManorClient(context, options)
    const views = await client.get<readonly AgentView[]>('/agents', { controller, live: all ? undefined : true, limit })
    show(context, options.json, views, terminal =>
      views.length === 0
        ? `No agents ${all ? 'yet' : 'now'}: one is made for each build that waits in a queue (${PROGRAM} queue list).`
        : table(views, columns(terminal, context.clock.now()), terminal),
    )
  })
}

const columns = (terminal: Terminal, now: number): readonly Column<AgentView>[] => [
  { title: 'NAME', cell: ({ id }) => id },
  { title: 'STATE', cell: ({ phase }) => stateCell('agent', phase, terminal) },
  { title: 'FOR', cell: ({ phaseSince }) => formatDuration(now - phaseSince), align: 'right', droppable: 2 },
  { title: 'CONTROLLER', cell: ({ controller }) => controller, least: 10, droppable: 4 },
  { title: 'BUILD', cell: workOf, least: 10 },
  { title: 'MEMORY', cell: memoryOf, align: 'right', droppable: 5 },
  { title: 'TEMPLATE', cell: ({ template }) => template, least: 8, droppable: 6 },
  { title: 'HOST', cell: ({ host }) => host ?? '', least: 8, droppable: 7 },
  { title: 'WHY', cell: ({ reason }) => reason?.message ?? '', least: 16, droppable: 3 },
]

const memoryOf = ({ memoryMb, resources }: AgentView): string =>
  memoryMb === undefined ? formatSize(resources.memoryMb) : `${formatSize(memoryMb)} of ${formatSize(resources.memoryMb)}`

const registerShow = (parent: Command, context: CliContext): void => {
  const command = parent.command('show').summary('Show one').description('Show everything about one agent.').argument('<agent>')
  withJson(command)
  examples(command, [['agent show team-a-linux-k7m2p', 'see where it runs and how long each step took']])
  onAction(command, async ([name = ''], options) => {
    const view = await new ManorClient(context, options).get<AgentView>(path`/agents/${name}`)
    show(context, options.json, view, terminal => describe(view, terminal, context.clock.now()))
  })
}

const describe = (view: AgentView, terminal: Terminal, now: number): string => {
  const took = (from: number | undefined, to: number | undefined): string | undefined =>
    from === undefined || to === undefined ? undefined : formatDuration(to - from)
  const rows = fields(
    [
      ['why', view.reason?.message],
      ['mend', view.reason?.mend],
      ['build', view.build ? `${view.build.job} #${view.build.number} ${view.build.result ?? 'running'}` : workOf(view)],
      ['controller', view.controller],
      [
        'item',
        view.item === undefined ? undefined : `${view.controller}/${view.item}${view.attempt > 1 ? `, attempt ${view.attempt}` : ''}`,
      ],
      ['template', `${view.template} (${view.label || 'no label'})`],
      ['host', view.host],
      ['memory', `${memoryOf(view)}${view.peakMemoryMb === undefined ? '' : `, at most ${formatSize(view.peakMemoryMb)}`}`],
      ['cpu', formatCores(view.resources.cpu)],
      ['queued', formatRelative(view.queuedAt, now)],
      ['to a place', took(view.queuedAt, view.placedAt)],
      ['to online', took(view.placedAt, view.onlineAt)],
      ['to its build', took(view.onlineAt, view.busyAt)],
      ['worked', took(view.busyAt, view.endedAt)],
    ],
    terminal,
  )
  return `${terminal.paint('bold', view.id)}  ${stateText('agent', view.phase, terminal)} for ${formatDuration(now - view.phaseSince)}\n${rows}`
}

const registerExplain = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('explain')
    .summary('Say why an item waits or an agent ended')
    .description('Say why an item of a queue waits, or why an agent is as it is, and everything that happened to it.')
    .argument('<item>', "CONTROLLER/ITEM as queue list shows it, or an agent's name")
  withJson(command)
  examples(command, [
    ['agent explain team-a/17', 'learn why item 17 of team-a waits'],
    ['agent explain team-a-linux-k7m2p', 'learn why that agent ended'],
  ])
  onAction(command, async ([subject = ''], options) => {
    await explain(new ManorClient(context, options), context, options, explanationRoute(subject))
  })
}

const explanationRoute = (subject: string): string => {
  const [controller = '', item, ...more] = subject.split('/')
  if (item === undefined) return path`/agents/${controller}/explanation`
  if (controller === '' || item === '' || more.length > 0)
    throw new CliError(`"${subject}" is no item: write it as CONTROLLER/ITEM, as ${PROGRAM} queue list shows it.`)
  return path`/queue/${controller}/${item}/explanation`
}

const registerLogs = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('logs')
    .summary("Show an agent's log")
    .description("Show the end of what an agent's program wrote.")
    .argument('<agent>')
  withLogOptions(command)
  withJson(command)
  examples(command, [['agent logs team-a-linux-k7m2p --follow', 'watch it connect']])
  onAction<LogOptions>(command, async ([name = ''], options) => {
    await showLog(new ManorClient(context, options), context, options, path`/agents/${name}/log`)
  })
}
