import type { HostView, ResourcesView, SomeResourcesView, TenantView } from '../../api/contract.ts'
import { accessWords } from '../../model/index.ts'
import { shareBar } from '../output/share-bar.ts'
import { type Column, fields, table } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { count, formatCores, formatRelative, formatSize } from '../output/units.ts'

/** Wide enough to tell a tenth, narrow enough that two of them and the words stay on 100 columns. */
const BAR_COLUMNS = 10
const LONG_BAR_COLUMNS = 24

type ResourceName = keyof ResourcesView
const RESOURCES = ['cpu', 'memoryMb', 'diskMb'] as const satisfies readonly ResourceName[]
const WORD: Readonly<Record<ResourceName, string>> = { cpu: 'cores', memoryMb: 'memory', diskMb: 'disk' }

const formatAmount = (name: ResourceName, value: number): string => (name === 'cpu' ? formatCores(value) : formatSize(value))

/** `4 cores, 8 GB, 100 GB of disk`: only what is named. */
export const amountWords = (amounts: SomeResourcesView): string => {
  const { cpu, memoryMb, diskMb } = amounts
  return [
    ...(cpu === undefined ? [] : [count(Number(formatCores(cpu)), 'core')]),
    ...(memoryMb === undefined ? [] : [`${formatSize(memoryMb)} of memory`]),
    ...(diskMb === undefined ? [] : [`${formatSize(diskMb)} of disk`]),
  ].join(', ')
}

const shortWords = ({ cpu, memoryMb, diskMb }: SomeResourcesView): string =>
  [
    ...(cpu === undefined ? [] : [count(Number(formatCores(cpu)), 'core')]),
    ...(memoryMb === undefined ? [] : [formatSize(memoryMb)]),
    ...(diskMb === undefined ? [] : [`${formatSize(diskMb)} disk`]),
  ].join(', ')

const capacityOf = (hosts: readonly HostView[], name: ResourceName): number => hosts.reduce((sum, { capacity }) => sum + capacity[name], 0)

/** What a whole bar stands for: the most that any of these has, wants or is bound to, and no more than the hosts have if that is less. */
const wholeOf = (views: readonly TenantView[], hosts: readonly HostView[], name: ResourceName): number => {
  const had = Math.max(...views.map(({ usedByAgents, waiting }) => usedByAgents[name] + waiting.resources[name]))
  const bound = Math.max(...views.map(({ quota, guarantee }) => Math.max(quota?.[name] ?? 0, guarantee?.[name] ?? 0)))
  const capacity = capacityOf(hosts, name)
  const whole = Math.max(had, capacity > 0 ? Math.min(bound, capacity) : bound)
  return whole > 0 ? whole : capacity
}

const barOf = (view: TenantView, name: ResourceName, whole: number, columns: number, terminal: Terminal): string =>
  shareBar(
    {
      used: view.usedByAgents[name],
      waiting: view.waiting.resources[name],
      marks: [view.guarantee?.[name], view.quota?.[name]],
      whole,
    },
    columns,
    terminal,
  )

export const listTenants = (views: readonly TenantView[], hosts: readonly HostView[], terminal: Terminal): string => {
  const whole = { cpu: wholeOf(views, hosts, 'cpu'), memoryMb: wholeOf(views, hosts, 'memoryMb') }
  const bar = (view: TenantView, name: 'cpu' | 'memoryMb'): string =>
    `${barOf(view, name, whole[name], BAR_COLUMNS, terminal)} ${formatAmount(name, view.usedByAgents[name])}`
  const columns: readonly Column<TenantView>[] = [
    { title: 'TENANT', cell: ({ id }) => id },
    { title: 'CORES', cell: view => bar(view, 'cpu') },
    { title: 'MEMORY', cell: view => bar(view, 'memoryMb') },
    { title: 'SHARE', cell: ({ dominantShare }) => percent(dominantShare), align: 'right', droppable: 2 },
    { title: 'WEIGHT', cell: ({ weight }) => String(weight), align: 'right', droppable: 4 },
    { title: 'WAITING', cell: ({ queued }) => String(queued), align: 'right', droppable: 1 },
    { title: 'CONTROLLERS', cell: ({ controllers }) => String(controllers), align: 'right', droppable: 7 },
    { title: 'GUARANTEED', cell: ({ guarantee }) => (guarantee ? shortWords(guarantee) : ''), droppable: 3 },
    { title: 'AT MOST', cell: ({ quota }) => (quota ? shortWords(quota) : ''), droppable: 3 },
    { title: 'PREEMPTIBLE', cell: ({ policy }) => (policy?.preemptible ? 'yes' : ''), droppable: 6 },
  ]
  return [table(views, columns, terminal), '', legend(whole, terminal), ...noteLines(views, terminal)].join('\n')
}

const legend = (whole: { readonly cpu: number; readonly memoryMb: number }, { glyphs, paint }: Terminal): string => {
  const scale = `A whole bar is ${count(Number(formatCores(whole.cpu)), 'core')}, ${formatSize(whole.memoryMb)}.`
  return paint('dim', `${glyphs.full} its agents use  ${glyphs.waiting} waits for a place  ${glyphs.bar} guaranteed, at most\n${scale}`)
}

const percent = (share: number): string => {
  const hundred = share * 100
  return `${hundred > 0 && hundred < 10 ? hundred.toFixed(1) : Math.round(hundred)}%`
}

export const describeTenant = (view: TenantView, hosts: readonly HostView[], terminal: Terminal, now: number): string => {
  const { id, weight, createdAt, waiting, queued, controllers, usedByControllers, dominantShare, dominantResource } = view
  const held =
    controllers === 0
      ? 'none yet'
      : `${controllers}, holding ${shortWords({ cpu: usedByControllers.cpu, memoryMb: usedByControllers.memoryMb })}`
  const rows = fields(
    [
      ...RESOURCES.filter(name => name !== 'diskMb' || isNamed(view, name)).map(
        name => [WORD[name], amountLine(view, hosts, name, terminal)] as const,
      ),
      ['share', dominantResource === undefined ? undefined : `${percent(dominantShare)} of the hosts' ${WORD[dominantResource]}`],
      ['its turn', `goes by its share for its weight: ${percent(dominantShare / weight)}; the smallest is next`],
      ['builds may have', view.access === undefined ? 'nothing of their hosts' : accessWords(view.access)],
      ['agents', view.policy?.preemptible ? 'may be stopped for others' : 'are never stopped for others'],
      [
        'queue',
        `${count(queued, 'item')}; ${waiting.agents === 0 ? 'no agent waits' : count(waiting.agents, 'agent waits', 'agents wait')} for a place`,
      ],
      ['controllers', held],
    ],
    terminal,
  )
  const title = `${terminal.paint('bold', id)}  weight ${weight}, made ${formatRelative(createdAt, now)}`
  return [title, rows, ...noteLines([view], terminal)].join('\n')
}

/** Disk is not what teams run out of: it is shown where it is bounded, used or waited for. */
const isNamed = ({ quota, guarantee, usedByAgents, waiting }: TenantView, name: ResourceName): boolean =>
  quota?.[name] !== undefined || guarantee?.[name] !== undefined || usedByAgents[name] > 0 || waiting.resources[name] > 0

const amountLine = (view: TenantView, hosts: readonly HostView[], name: ResourceName, terminal: Terminal): string => {
  const { usedByAgents, waiting, quota, guarantee } = view
  const capacity = capacityOf(hosts, name)
  const most = quota?.[name] ?? (capacity > 0 ? capacity : undefined)
  const whole = Math.max(most ?? 0, usedByAgents[name] + waiting.resources[name], guarantee?.[name] ?? 0)
  const words = [
    `${formatAmount(name, usedByAgents[name])} used`,
    ...(waiting.resources[name] > 0 ? [`${formatAmount(name, waiting.resources[name])} waited for`] : []),
    ...(guarantee?.[name] === undefined ? [] : [`${formatAmount(name, guarantee[name])} guaranteed`]),
    quota?.[name] === undefined ? 'no cap' : `at most ${formatAmount(name, quota[name])}`,
    ...(capacity > 0 ? [`hosts have ${formatAmount(name, capacity)}`] : []),
  ]
  return `${barOf(view, name, whole, LONG_BAR_COLUMNS, terminal)} ${words.join(', ')}`
}

/** What cannot be counted on, not cut to a column; whose it is where several are shown. */
export const noteLines = (views: readonly TenantView[], terminal: Terminal): readonly string[] =>
  views.flatMap(({ id, notes }) => notes.map(note => `${terminal.paint('yellow', `${id}:`)} ${note}`))
