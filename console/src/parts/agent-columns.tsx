/** How agents are listed, on their own page and on their controller's. */
import type { AgentView } from '../../../src/api/contract.ts'
import { formatMemory } from '../lib/format.ts'
import { pathOf } from '../lib/routes.ts'
import { AgentPhaseLabel, hasAgentFailed } from './glyph.tsx'
import type { Column } from './table.tsx'
import { Age } from './time.tsx'
import { Waterfall } from './waterfall.tsx'

/** What it builds or is for, for people. */
export const taskOf = ({ item, task, build }: AgentView): string =>
  item === undefined && task === '' ? (build?.job ?? 'Warm spare') : task

export const agentColumns = (withController: boolean): readonly Column<AgentView>[] => [
  {
    key: 'task',
    title: 'Build',
    cell: agent => <span title={agent.id}>{taskOf(agent)}</span>,
    compare: (a, b) => a.task.localeCompare(b.task),
  },
  {
    key: 'phase',
    title: 'Phase',
    width: '106px',
    cell: agent => <AgentPhaseLabel phase={agent.phase} failed={hasAgentFailed(agent)} />,
    compare: (a, b) => a.phase.localeCompare(b.phase),
  },
  {
    key: 'since',
    title: 'For',
    width: '70px',
    className: 'hide-narrow number',
    cell: agent => <Age at={agent.phaseSince} />,
    compare: (a, b) => b.phaseSince - a.phaseSince,
  },
  { key: 'waterfall', title: 'Queued to now', width: '18%', className: 'hide-narrow', cell: agent => <Waterfall agent={agent} /> },
  ...(withController
    ? [
        {
          key: 'controller',
          title: 'Controller',
          width: '15%',
          className: 'hide-medium',
          cell: (agent: AgentView) => <a href={pathOf.controller(agent.controller)}>{agent.controller}</a>,
          compare: (a: AgentView, b: AgentView) => a.controller.localeCompare(b.controller),
        },
      ]
    : []),
  {
    key: 'template',
    title: 'Template',
    width: '10%',
    className: 'hide-wide',
    cell: agent => agent.template,
    compare: (a, b) => a.template.localeCompare(b.template),
  },
  {
    key: 'host',
    title: 'Host',
    width: '9%',
    className: 'hide-wide',
    cell: agent => agent.host ?? '',
    compare: (a, b) => (a.host ?? '').localeCompare(b.host ?? ''),
  },
  {
    key: 'memory',
    title: 'Memory',
    width: '142px',
    className: 'number hide-wide',
    cell: agent =>
      agent.memoryMb === undefined
        ? formatMemory(agent.resources.memoryMb)
        : `${formatMemory(agent.memoryMb)} of ${formatMemory(agent.resources.memoryMb)}`,
    compare: (a, b) => (a.memoryMb ?? 0) - (b.memoryMb ?? 0),
  },
]
