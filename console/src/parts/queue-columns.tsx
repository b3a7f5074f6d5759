/** How waiting items are listed, on the queue's page and on their controller's. */
import type { QueueItemView } from '../../../src/api/contract.ts'
import { pathOf } from '../lib/routes.ts'
import { isNarrow } from '../lib/viewport.ts'
import { AgentPhaseLabel } from './glyph.tsx'
import type { Column } from './table.tsx'
import { Age } from './time.tsx'

/** One line for the build and one for its reason; on a phone a reason takes two. */
export const queueRowHeight = (): number => (isNarrow.value ? 70 : 52)

export const reasonOf = (item: QueueItemView): string =>
  item.reason?.message ?? item.why ?? 'Manor has not looked at it yet: it does so within a second of hearing of it.'

export const queueColumns = (withController: boolean): readonly Column<QueueItemView>[] => [
  {
    key: 'task',
    title: 'Build and why it waits',
    cell: item => (
      <span class="two-lines">
        <span>
          {item.task} {item.label !== undefined && <span class="tag">{item.label}</span>}
        </span>
        <span class="reason" title={reasonOf(item)}>
          {reasonOf(item)}
        </span>
      </span>
    ),
  },
  ...(withController
    ? [
        {
          key: 'controller',
          title: 'Controller',
          width: '19%',
          className: 'hide-narrow',
          cell: (item: QueueItemView) => <a href={pathOf.controller(item.controller)}>{item.controller}</a>,
          compare: (a: QueueItemView, b: QueueItemView) => a.controller.localeCompare(b.controller),
        },
      ]
    : []),
  {
    key: 'agent',
    title: 'Agent',
    width: '118px',
    className: 'hide-narrow',
    cell: item =>
      item.agent !== undefined && item.agentPhase !== undefined ? (
        <a href={pathOf.agent(item.agent)}>
          <AgentPhaseLabel phase={item.agentPhase} />
        </a>
      ) : (
        <span class="faint">none yet</span>
      ),
    compare: (a, b) => (a.agentPhase ?? '').localeCompare(b.agentPhase ?? ''),
  },
  {
    key: 'age',
    title: 'Waiting',
    width: '76px',
    className: 'number',
    cell: item => <Age at={item.since} />,
    compare: (a, b) => b.since - a.since,
  },
]
