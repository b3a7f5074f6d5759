import type { QueueItemView } from '../../api/contract.ts'
import { ManorClient } from '../client.ts'
import { type CommandModule, completedBy, examples, onAction, withJson } from '../command-module.ts'
import { PROGRAM } from '../context.ts'
import { show } from '../output/print.ts'
import { type Column, table } from '../output/table.ts'
import { formatDuration } from '../output/units.ts'

export const queueCommand: CommandModule = {
  register: (command, context) => {
    command.description("The controllers' build queues: what waits for an agent, and why.")
    const list = command
      .command('list')

      .summary('List what waits')
      .description('List the items of all queues, the longest waiting first.')
    list.addOption(completedBy(list.createOption('--controller <controller>', 'only the queue of one controller'), 'controller'))
    withJson(list)
    examples(list, [['queue list --controller team-a', 'see what waits in team-a']])
    examples(command, [['queue list', 'see what waits, and why']])
    onAction<{ readonly controller?: string }>(list, async (_, { controller, ...options }) => {
      const views = await new ManorClient(context, options).get<readonly QueueItemView[]>('/queue', { controller })
      const longestFirst = views.toSorted((a, b) => a.since - b.since)
      show(context, options.json, views, terminal =>
        views.length === 0
          ? 'Nothing waits: every build has its agent.'
          : `${table(longestFirst, columns(context.clock.now()), terminal)}\n\nLearn more about one with: ${PROGRAM} agent explain ${longestFirst[0]?.id}`,
      )
    })
  },
}

const columns = (now: number): readonly Column<QueueItemView>[] => [
  { title: 'ITEM', cell: ({ id }) => id },
  { title: 'JOB', cell: ({ task }) => task, least: 10, droppable: 1 },
  { title: 'WAITS', cell: ({ since }) => formatDuration(now - since), align: 'right' },
  { title: 'LABEL', cell: ({ label }) => label ?? '', least: 8, droppable: 3 },
  {
    title: 'AGENT',
    cell: ({ agent, agentPhase }) => (agent ? `${agent}${agentPhase ? ` (${agentPhase})` : ''}` : ''),
    least: 12,
    droppable: 4,
  },
  { title: 'WHY', cell: ({ reason, why }) => reason?.message ?? why ?? '', least: 24, droppable: 2 },
]
