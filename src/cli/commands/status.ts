import type { StatusView } from '../../api/contract.ts'
import { AGENT_PHASES, CONTROLLER_PHASES, HOST_STATES } from '../../model/index.ts'
import { ManorClient } from '../client.ts'
import { type CommandModule, examples, onAction, withJson } from '../command-module.ts'
import { PROGRAM } from '../context.ts'
import { show } from '../output/print.ts'
import { stateCounts } from '../output/states.ts'
import { fields } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { count, formatCores, formatDuration, formatSize } from '../output/units.ts'

export const statusCommand: CommandModule = {
  register: (command, context) => {
    command.description('Show how all of Manor is: controllers and agents by state, what waits, what is used.')
    withJson(command)
    examples(command, [
      ['status', 'see all of it at a glance'],
      ['status --json', 'for a monitor'],
    ])
    onAction(command, async (_, options) => {
      const view = await new ManorClient(context, options).get<StatusView>('/status')
      show(context, options.json, view, terminal => describe(view, terminal))
    })
  },
}

const describe = (view: StatusView, terminal: Terminal): string => {
  const { hosts, process, limits } = view
  const promised = `${formatCores(hosts.used.cpu)} of ${formatCores(hosts.capacity.cpu)} cores, ${formatSize(hosts.used.memoryMb)} of ${formatSize(hosts.capacity.memoryMb)} memory promised`
  const isAllReady = Object.keys(hosts.states).every(state => state === 'ready')
  const live = AGENT_PHASES.filter(phase => phase !== 'ended')
  const rows = fields(
    [
      ['address', view.url],
      ['console', `${view.consoleUrl} ${terminal.paint('dim', `(sign in with the link of ${PROGRAM} console)`)}`],
      [
        'controllers',
        stateCounts('controller', view.controllers, CONTROLLER_PHASES, terminal) || `none yet: ${PROGRAM} controller create team-a`,
      ],
      ['agents', stateCounts('agent', view.agents, live, terminal) || 'none now'],
      ['queue', view.queued === 0 ? 'empty' : `${count(view.queued, 'item')}; the oldest waits ${formatDuration(view.longestWaitMs)}`],
      [count(hosts.count, 'host'), isAllReady ? promised : `${stateCounts('host', hosts.states, HOST_STATES, terminal)}; ${promised}`],
      ['limits', limits.enforced ? 'enforced' : `${terminal.paint('yellow', 'not enforced')}${limits.reason ? `: ${limits.reason}` : ''}`],
      [
        'Manor itself',
        `${formatSize(process.memoryMb)}, ${formatDuration(process.cpuSeconds * 1_000)} of cpu time, process ${process.pid}`,
      ],
    ],
    terminal,
  )
  const title = `${terminal.paint('bold', `Manor ${view.version}`)} has been up for ${formatDuration(view.now - view.startedAt)} on the ${view.engine} engine.`
  return `${title}\n${rows}`
}
