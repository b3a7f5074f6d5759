/** The state of the whole fleet in one look: what is up, what works, what waits, what is left. */
import { useComputed } from '@preact/signals'
import { agents, controllers, events, hosts, tenants, waiting } from '../data/fleet.ts'
import { now } from '../lib/clock.ts'
import { counted, formatCores, formatCount, formatDuration, formatMemory, percentOf } from '../lib/format.ts'
import { type ControllerPhase, countPhases, PHASES_BY_WEIGHT } from '../lib/phases.ts'
import { pathOf } from '../lib/routes.ts'
import { Bar, Measure } from '../parts/bar.tsx'
import { ClockTime } from '../parts/time.tsx'

const TONE: Readonly<Record<ControllerPhase, string>> = {
  ready: 'of-up',
  pending: 'of-rising',
  preparing: 'of-rising',
  starting: 'of-rising',
  quieting: 'of-falling',
  stopping: 'of-falling',
  deleting: 'of-down',
  stopped: 'of-down',
  failed: 'of-failed',
  unreachable: 'of-lost',
}

export const OverviewStrip = () => (
  <section class="strip" aria-label="Overview">
    <ControllersFigure />
    <AgentsFigure />
    <WaitFigure />
    <CapacityFigure />
    <Ticker />
  </section>
)

const ControllersFigure = () => {
  const all = controllers.all.value
  const counts = countPhases(all)
  const ready = counts.get('ready') ?? 0
  const trouble = (counts.get('failed') ?? 0) + (counts.get('unreachable') ?? 0)
  return (
    <div>
      <h2>Controllers ready</h2>
      <p class="figure">
        {formatCount(ready)} <small>of {formatCount(all.length)}</small>
      </p>
      <div class="note">
        <Bar
          total={all.length}
          shares={PHASES_BY_WEIGHT.map(phase => ({
            className: TONE[phase],
            value: counts.get(phase) ?? 0,
            title: `${counts.get(phase) ?? 0} ${phase}`,
          }))}
        />
        {trouble > 0 ? <a href="/?phase=failed,unreachable">{formatCount(trouble)} failed or unreachable</a> : 'None failed or unreachable'}
      </div>
    </div>
  )
}

const AgentsFigure = () => {
  const counts = Map.groupBy(agents.all.value, ({ phase }) => phase)
  const count = (...phases: readonly ('queued' | 'placed' | 'launching' | 'online' | 'busy')[]): number =>
    phases.reduce((sum, phase) => sum + (counts.get(phase)?.length ?? 0), 0)
  const coming = count('placed', 'launching', 'online')
  return (
    <div>
      <h2>Agents building</h2>
      <p class="figure">
        {formatCount(count('busy'))} <small>{coming > 0 ? `${formatCount(coming)} coming up` : 'none coming up'}</small>
      </p>
      <p class="note">
        <a href={`${pathOf.agents}?q=phase:queued`}>{formatCount(count('queued'))} queued</a> for a place on a host
      </p>
    </div>
  )
}

const WaitFigure = () => {
  const items = waiting.value
  const longest = items[0]
  const wait = useComputed(() => {
    const first = waiting.value[0]
    return first ? formatDuration(now.value - first.since) : 'none'
  })
  return (
    <div>
      <h2>Longest wait</h2>
      <p class="figure">{wait}</p>
      <p class="note">
        {longest ? (
          <>
            <a href={pathOf.queueItem(longest.controller, longest.item)}>{longest.task}</a> on {longest.controller}, first of{' '}
            <a href={pathOf.queue}>{counted(items.length, 'item')}</a>
          </>
        ) : (
          'Every build has an agent'
        )}
      </p>
    </div>
  )
}

const CapacityFigure = () => {
  const all = hosts.all.value
  const sum = (pick: (host: (typeof all)[number]) => number): number => all.reduce((total, host) => total + pick(host), 0)
  const guaranteedMb = tenants.all.value.reduce((total, { guarantee }) => total + (guarantee?.memoryMb ?? 0), 0)
  const guaranteedCpu = tenants.all.value.reduce((total, { guarantee }) => total + (guarantee?.cpu ?? 0), 0)
  const measure = (label: string, guaranteed: number, show: (value: number) => string, pick: 'memoryMb' | 'cpu') => {
    const total = sum(({ capacity }) => capacity[pick])
    const ofControllers = sum(({ usedByControllers }) => usedByControllers[pick])
    const ofAgents = sum(({ usedByAgents }) => usedByAgents[pick])
    return (
      <Measure
        label={`${label}, ${percentOf(ofControllers + ofAgents, total).toFixed(0)} % used`}
        value={`${show(Math.max(0, total - ofControllers - ofAgents))} free`}
      >
        <Bar
          total={total}
          shares={[
            { className: 'of-controllers', value: ofControllers, title: `Controllers: ${show(ofControllers)}` },
            { className: 'of-agents', value: ofAgents, title: `Agents: ${show(ofAgents)}` },
          ]}
          mark={{ value: guaranteed, title: `Guaranteed to tenants: ${show(guaranteed)}` }}
        />
      </Measure>
    )
  }
  return (
    <div>
      <h2>
        Capacity of <a href={pathOf.hosts}>{counted(all.length, 'host')}</a>
      </h2>
      {measure('Memory', guaranteedMb, formatMemory, 'memoryMb')}
      {measure('CPU', guaranteedCpu, formatCores, 'cpu')}
      <p class="legend">
        <span>
          <i class="swatch of-controllers" aria-hidden="true" /> controllers
        </span>
        <span>
          <i class="swatch of-agents" aria-hidden="true" /> agents
        </span>
        {guaranteedMb > 0 && (
          <span>
            <i class="swatch of-mark" aria-hidden="true" /> guaranteed
          </span>
        )}
      </p>
    </div>
  )
}

/** Not announced: it changes all the time, and the events page has it all. */
const Ticker = () => {
  const latest = events.value[0]
  if (!latest) return null
  return (
    <div class="ticker">
      <ClockTime at={latest.at} />
      <span class="clip">{latest.message}</span>
      <a href={pathOf.events}>All events</a>
    </div>
  )
}
