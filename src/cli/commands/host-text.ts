import type { HostDetailView, HostView, ResourcesView } from '../../api/contract.ts'
import { workOf } from '../output/agent-work.ts'
import { stateCell, stateText } from '../output/states.ts'
import { type Column, fields, table } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { count, formatCores, formatRelative, formatSize, formatTime } from '../output/units.ts'

export const listHosts = (views: readonly HostView[], terminal: Terminal): string =>
  [table(views, columns(terminal), terminal), ...notes(views, terminal)].join('\n')

const columns = (terminal: Terminal): readonly Column<HostView>[] => [
  { title: 'HOST', cell: ({ id }) => id },
  { title: 'STATE', cell: ({ state }) => stateCell('host', state, terminal) },
  { title: 'CORES', cell: host => usedOf(host, 'cpu', formatCores), align: 'right' },
  { title: 'MEMORY', cell: host => usedOf(host, 'memoryMb', formatSize), align: 'right' },
  { title: 'DISK', cell: host => usedOf(host, 'diskMb', formatSize), align: 'right', droppable: 3 },
  { title: 'ENGINE', cell: ({ engine }) => engine, droppable: 4 },
  { title: 'FOR', cell: purposeOf, droppable: 5 },
  { title: 'LIMITS', cell: ({ limits }) => limitsOf(limits), droppable: 2 },
  { title: 'WHY', cell: ({ reason }) => reason?.message ?? '', least: 16, droppable: 1 },
]

/** What it is for: `any`, `builds`, `builds of red`. */
export const purposeOf = ({ role, reservedFor }: Pick<HostView, 'role' | 'reservedFor'>): string => {
  if (reservedFor === undefined) return role
  return role === 'any' ? `tenant ${reservedFor}` : `${role} of ${reservedFor}`
}

const usedOf = (
  { usedByControllers, usedByAgents, capacity }: HostView,
  what: keyof ResourcesView,
  format: (value: number) => string,
): string => `${format(usedByControllers[what] + usedByAgents[what])} of ${format(capacity[what])}`

const limitsOf = ({ memory, cpu }: HostView['limits']): string => {
  if (memory && cpu) return 'hold'
  return memory || cpu ? `${memory ? 'memory' : 'cpu'} only` : 'not enforced'
}

/** Why limits do not hold, once for each reason and not cut to a column. */
const notes = (hosts: readonly HostView[], terminal: Terminal): readonly string[] => {
  const reasons = new Set(hosts.flatMap(({ limits }) => (limits.reason ? [limits.reason] : [])))
  return [...reasons].map(reason => `\n${terminal.paint('yellow', 'Limits:')} ${reason}`)
}

/** A host with all that is on it. */
export const describeHost = (view: HostDetailView, terminal: Terminal, now: number): string => {
  const { reason, drainBy, controllers, agents, others } = view
  const head = fields(
    [
      ['Host', view.id],
      ['State', stateText('host', view.state, terminal)],
      ['Why', reason?.message],
      ['Mend', reason?.mend],
      ['Deadline', drainBy === undefined ? undefined : `${formatTime(drainBy, now)} (${formatRelative(drainBy, now)})`],
      ['For', purposeOf(view)],
      ['Engine', view.engine],
      ['Cores', usedOf(view, 'cpu', formatCores)],
      ['Memory', usedOf(view, 'memoryMb', formatSize)],
      ['Disk', usedOf(view, 'diskMb', formatSize)],
      ['Limits', `${limitsOf(view.limits)}${view.limits.reason === undefined ? '' : `: ${view.limits.reason}`}`],
      [
        'Attributes',
        Object.entries(view.attributes)
          .map(pair => pair.join('='))
          .join(' '),
      ],
      ['Seen', formatRelative(view.seenAt, now)],
    ],
    terminal,
  )
  const left = [
    ...(controllers.length === 0 ? [] : [table(controllers, controllerColumns(terminal), terminal)]),
    ...(agents.length === 0 ? [] : [table(agents, agentColumns(terminal, now), terminal)]),
    ...(others === 0 ? [] : [`${count(others, 'workload')} more that ${others === 1 ? 'is' : 'are'} not yours to see, or nobody's.`]),
  ]
  return [head, ...(left.length === 0 ? ['Nothing of Manor runs on it.'] : left)].join('\n\n')
}

const controllerColumns = (terminal: Terminal): readonly Column<HostDetailView['controllers'][number]>[] => [
  { title: 'CONTROLLER', cell: ({ id }) => id },
  { title: 'TENANT', cell: ({ tenant }) => tenant, droppable: 2 },
  { title: 'PHASE', cell: ({ phase }) => stateCell('controller', phase, terminal) },
  { title: 'WHY', cell: ({ reason }) => reason?.message ?? '', least: 16, droppable: 1 },
]

const agentColumns = (terminal: Terminal, now: number): readonly Column<HostDetailView['agents'][number]>[] => [
  { title: 'AGENT', cell: ({ id }) => id },
  { title: 'CONTROLLER', cell: ({ controller }) => controller },
  { title: 'TENANT', cell: ({ tenant }) => tenant, droppable: 2 },
  { title: 'PHASE', cell: ({ phase }) => stateCell('agent', phase, terminal) },
  { title: 'SINCE', cell: ({ phaseSince }) => formatRelative(phaseSince, now), droppable: 1 },
  { title: 'BUILD', cell: workOf },
]
