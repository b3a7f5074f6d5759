import { spawn } from 'node:child_process'
import { type Command, Option } from 'commander'
import type { ControllerView, CredentialsView } from '../../api/contract.ts'
import { aboutController, ManorClient, path } from '../client.ts'
import { completedBy, examples, onAction, withJson } from '../command-module.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { say, show } from '../output/print.ts'
import { stateCell, stateText } from '../output/states.ts'
import { type Column, fields, table } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { count, formatCores, formatDuration, formatRelative, formatSize } from '../output/units.ts'
import { explain } from './explanation.ts'
import { type LogOptions, showLog, withLogOptions } from './logs.ts'

export const registerLooks = (parent: Command, context: CliContext): void => {
  registerList(parent, context)
  registerShow(parent, context)

  const explanation = parent
    .command('explain')
    .summary('Say why one is as it is, and what led to it')
    .description('Say why a controller is in its state, what would mend it, and everything that happened to it.')
    .argument('<controller>')
  withJson(explanation)
  examples(explanation, [['controller explain team-a', 'learn why team-a is not ready']])
  onAction(explanation, async ([name = ''], options) => {
    const client = new ManorClient(context, options)
    await aboutController(client, name, () => explain(client, context, options, path`/controllers/${name}/explanation`))
  })

  const logs = parent
    .command('logs')
    .summary("Show the program's log")
    .description("Show the end of what a controller's program wrote.")
    .argument('<controller>')
  withLogOptions(logs)
  withJson(logs)
  examples(logs, [
    ['controller logs team-a', 'see the end of its log'],
    ['controller logs team-a --follow', 'and what comes'],
  ])
  onAction<LogOptions>(logs, async ([name = ''], options) => {
    const client = new ManorClient(context, options)
    await aboutController(client, name, () => showLog(client, context, options, path`/controllers/${name}/log`))
  })

  registerCredentials(parent, context)
  registerOpen(parent, context)
}

const registerList = (parent: Command, context: CliContext): void => {
  const list = parent.command('list').summary('List them').description('List controllers.')
  list.addOption(completedBy(new Option('--tenant <tenant>', 'only those of one team'), 'tenant'))
  withJson(list)
  examples(list, [
    ['controller list', 'see all of them'],
    ['controller list --json', 'as JSON, for programs'],
  ])
  onAction<{ readonly tenant?: string }>(list, async (_, options) => {
    const all = await new ManorClient(context, options).get<readonly ControllerView[]>('/controllers')
    const views = all.filter(({ tenant }) => options.tenant === undefined || tenant === options.tenant)
    show(context, options.json, views, terminal =>
      views.length === 0
        ? `No controllers${options.tenant === undefined ? '' : ` of tenant ${options.tenant}`} yet. Make one with: ${PROGRAM} controller create team-a`
        : table(views, listColumns(terminal, context.clock.now()), terminal),
    )
  })
}

const listColumns = (terminal: Terminal, now: number): readonly Column<ControllerView>[] => [
  { title: 'NAME', cell: ({ id }) => id },
  { title: 'STATE', cell: ({ phase }) => stateCell('controller', phase, terminal) },
  { title: 'FOR', cell: ({ phaseSince }) => formatDuration(now - phaseSince), align: 'right', droppable: 5 },
  { title: 'BUILDS', cell: ({ running }) => String(running), align: 'right', droppable: 2 },
  { title: 'QUEUED', cell: ({ queued }) => String(queued), align: 'right', droppable: 3 },
  { title: 'MEMORY', cell: memoryOf, align: 'right', droppable: 4 },
  { title: 'TENANT', cell: ({ tenant }) => tenant, least: 8, droppable: 6 },
  { title: 'VERSION', cell: ({ spec, version }) => `${spec.distribution}${version ? ` ${version}` : ''}`, least: 10, droppable: 7 },
  { title: 'ADDRESS', cell: ({ url, phase, reason }) => (phase === 'ready' || !reason ? url : reason.message), least: 24, droppable: 1 },
]

const memoryOf = ({ memoryMb, spec }: ControllerView): string =>
  memoryMb === undefined ? formatSize(spec.memoryMb) : `${formatSize(memoryMb)} of ${formatSize(spec.memoryMb)}`

const registerShow = (parent: Command, context: CliContext): void => {
  const command = parent.command('show').summary('Show one').description('Show everything about one controller.').argument('<controller>')
  withJson(command)
  examples(command, [['controller show team-a', 'see its state, address, sizes and version']])
  onAction(command, async ([name = ''], options) => {
    const client = new ManorClient(context, options)
    const view = await aboutController(client, name, () => client.get<ControllerView>(path`/controllers/${name}`))
    show(context, options.json, view, terminal => describe(view, terminal, context.clock.now()))
  })
}

const describe = (view: ControllerView, terminal: Terminal, now: number): string => {
  const { spec, reason } = view
  const heap = view.heapUsedMb === undefined ? undefined : `${formatSize(view.heapUsedMb)} of ${formatSize(view.heapMaxMb ?? 0)} used`
  const peak = view.peakMemoryMb === undefined ? '' : `, at most ${formatSize(view.peakMemoryMb)}`
  const rows = fields(
    [
      ['why', reason?.message],
      ['mend', reason?.mend],
      [
        'next try',
        view.nextTryAt === undefined ? undefined : `${formatRelative(view.nextTryAt, now)}, after ${count(view.failures, 'failure')}`,
      ],
      ['address', view.url],
      ['or', view.hostUrl === view.url ? undefined : view.hostUrl],
      ['program', `${spec.distribution}${view.version ? ` ${view.version}` : ''}${spec.war ? ` from ${spec.war}` : ''}`],
      ['work', `${count(view.running, 'build')} running, ${view.queued} queued, ${count(view.agents, 'agent')}`],
      ['memory', `${memoryOf(view)}${peak}`],
      ['advice', view.memoryAdvice.message],
      ['heap', heap],
      ['cpu', `${formatCores(spec.cpu)} ${spec.cpu === 1 ? 'core' : 'cores'}`],
      ['disk', formatSize(spec.diskMb)],
      ['grace', formatDuration(spec.graceMs)],
      ['tenant', view.tenant],
      ['host', view.host],
      ['started', view.startedAt === undefined ? undefined : formatRelative(view.startedAt, now)],
      ['created', formatRelative(view.createdAt, now)],
      ['can be', view.actions.map(action => PAST[action]).join(', ')],
    ],
    terminal,
  )
  const title = `${terminal.paint('bold', view.id)}  ${stateText('controller', view.phase, terminal)} for ${formatDuration(now - view.phaseSince)}`
  return `${title}\n${rows}`
}

const PAST = { start: 'started', stop: 'stopped', restart: 'restarted', delete: 'deleted' } as const

const registerCredentials = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('credentials')
    .summary("Show the administrator's name and password")
    .description("Show the administrator of a controller's own pages. Each reading is recorded as an event.")
    .argument('<controller>')
  withJson(command)
  examples(command, [['controller credentials team-a --json', 'for a program that signs in']])
  onAction(command, async ([name = ''], options) => {
    const client = new ManorClient(context, options)
    const view = await aboutController(client, name, () => client.send<CredentialsView>('POST', path`/controllers/${name}/credentials`))
    show(context, options.json, view, terminal =>
      fields(
        [
          ['user', view.user],
          ['password', view.password],
          ['API token', view.apiToken],
        ],
        terminal,
      ),
    )
  })
}

const registerOpen = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('open')
    .summary('Open its pages in the browser')
    .description("Print a controller's address and open it in this machine's browser, where there is one.")
    .argument('<controller>')
  withJson(command)
  examples(command, [['controller open team-a', 'go there']])
  onAction(command, async ([name = ''], options) => {
    const client = new ManorClient(context, options)
    const { url, phase } = await aboutController(client, name, () => client.get<ControllerView>(path`/controllers/${name}`))
    if (options.json) return show(context, true, { url }, () => '')
    say(context, url)
    if (phase !== 'ready') say(context, `It is ${phase}: the page says when it is ready.`)
    if (context.stdout.isTTY && (context.env.DISPLAY || context.env.WAYLAND_DISPLAY)) openBrowser(url)
  })
}

/** The address is on the screen already, so a desktop without xdg-open loses nothing. */
const openBrowser = (url: string): void => {
  const child = spawn('xdg-open', [url], { detached: true, stdio: 'ignore' })
  child.on('error', () => {})
  child.unref()
}
