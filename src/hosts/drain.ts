import {
  type Agent,
  type Controller,
  type Host,
  type HostWanted,
  type Reason,
  type Resources,
  SECOND,
  shareOfHost,
  type Timestamp,
} from '../model/index.ts'
import type { Residents } from './residents.ts'

type Why = Omit<Reason, 'since'>

/** A place other than the host, with what is taken of it. */
export type OtherHost = { readonly host: Host; readonly used: Resources }

/** What is seen of a host that is to be emptied, put together by the keeper before it decides. */
export type DrainView = {
  readonly host: Host
  readonly wanted: HostWanted
  readonly residents: Residents
  readonly others: readonly OtherHost[]
  /** The controller that was moved off it last, as it is now. */
  readonly moved: Controller | undefined
  /** False where controllers are placed by an engine that cannot be told to leave a host out. */
  readonly mayMove: boolean
  readonly now: Timestamp
}

/** One step. The keeper carries it out and looks again. */
export type DrainStep =
  | { readonly kind: 'wait'; readonly reason: Why; readonly againMs?: number }
  | { readonly kind: 'end-agents'; readonly agents: readonly Agent[]; readonly why: (agent: Agent) => Why }
  | { readonly kind: 'move'; readonly controller: Controller }
  | { readonly kind: 'done' }

/** A look at what no event tells. */
const LOOK_MS = 5 * SECOND

/**
 * Pure: what a drain does next. Its reasons name nobody: a host is seen by all tenants, and what is on it is not.
 * Agents without a build end at once, and their items get others elsewhere; builds end by themselves or, once the
 * deadline is over, with a reason; then controllers leave, one after the other. Without a deadline no controller is stopped that has nowhere to
 * go.
 */
export const decideDrain = (view: DrainView): DrainStep => {
  const { host, wanted, residents, now } = view
  if (host.state === 'silent') return wait('host-silent', 'It is silent, so what still runs there is not known.', 'Bring the host back.')
  const isLate = wanted.drainBy !== undefined && now >= wanted.drainBy
  const idle = residents.agents.filter(({ phase }) => phase === 'placed' || phase === 'launching' || phase === 'online')
  if (idle.length > 0) return { kind: 'end-agents', agents: idle, why: () => endedIdle(host) }
  const busy = residents.agents.filter(({ phase }) => phase === 'busy')
  if (isLate && busy.length > 0) return { kind: 'end-agents', agents: busy, why: agent => endedBusy(host, agent) }
  if (!isLate && busy.length > 0) return { ...waitForBuilds(view, busy), againMs: untilDeadline(view) }
  if (!isLate && residents.agents.length > 0) return { ...waitForAgents(residents), againMs: untilDeadline(view) }
  return decideControllers(view, isLate) ?? waitForRest(residents) ?? { kind: 'done' }
}

const decideControllers = (view: DrainView, isLate: boolean): DrainStep | undefined => {
  const { residents, moved } = view
  if (residents.controllers.length === 0) return undefined
  const leaving = residents.controllers.find(isLeaving)
  if (leaving !== undefined)
    return wait('draining', `A controller leaves it and is ${leaving.phase}.${said(leaving.reason)}`, undefined, LOOK_MS)
  if (moved !== undefined && !isLate && isOnItsWay(moved))
    return wait('draining', `A controller that has left is ${moved.phase}; the next follows when it serves.`, undefined, LOOK_MS)
  const movable = residents.controllers.filter(({ phase }) => phase === 'ready' || phase === 'starting')
  const [first] = movable
  if (first === undefined) return waitForUnmovable(residents.controllers)
  if (!view.mayMove)
    return wait(
      'draining',
      `${counted(movable.length, 'controller')} cannot be moved by Manor: the engine places controllers by itself, or the fleet is being stopped.`,
      "Take the host out of service with the engine's own means.",
      LOOK_MS,
    )
  const able = isLate ? first : movable.find(controller => view.others.some(other => takes(other, controller)))
  return able === undefined ? nowhereToGo(view, first) : { kind: 'move', controller: able }
}

/** Whether a host would take a controller now. The scheduler decides; this only keeps one from being stopped for nothing. */
export const takes = ({ host, used }: OtherHost, { tenant, spec }: Controller): boolean => {
  const { cpu, memoryMb } = shareOfHost(spec)
  return (
    host.state === 'ready' &&
    host.role !== 'builds' &&
    (host.reservedFor === undefined || host.reservedFor === tenant) &&
    host.capacity.memoryMb - used.memoryMb >= memoryMb &&
    host.capacity.cpu - used.cpu >= cpu
  )
}

const isLeaving = ({ wanted, phase, restartsWanted, restartsDone }: Controller): boolean =>
  wanted !== 'running' || restartsWanted > restartsDone || phase === 'quieting' || phase === 'stopping'

const isOnItsWay = ({ wanted, phase }: Controller): boolean =>
  wanted === 'running' && (phase === 'pending' || phase === 'preparing' || phase === 'starting')

const wait = (code: Why['code'], message: string, mend?: string, againMs?: number): Extract<DrainStep, { kind: 'wait' }> => ({
  kind: 'wait',
  reason: { code, message, ...(mend === undefined ? {} : { mend }) },
  ...(againMs === undefined ? {} : { againMs }),
})

const untilDeadline = ({ wanted: { drainBy }, now }: DrainView): number =>
  drainBy === undefined ? LOOK_MS : Math.min(LOOK_MS, Math.max(0, drainBy - now))

const waitForBuilds = ({ host, wanted: { drainBy } }: DrainView, busy: readonly Agent[]): Extract<DrainStep, { kind: 'wait' }> =>
  wait(
    'draining',
    `It waits for ${counted(busy.length, 'build')} to end.`,
    drainBy === undefined
      ? `Abort them in their controllers, or give a deadline: ./manor host drain ${host.id} --deadline 30m.`
      : 'Abort them in their controllers to be done sooner; at its deadline they are ended.',
  )

const waitForAgents = ({ agents }: Pick<Residents, 'agents'>): Extract<DrainStep, { kind: 'wait' }> =>
  wait('draining', `It waits for ${counted(agents.length, 'agent')} to be taken down.`)

/** After the deadline agents are on their way out, and controllers need not wait for them. */
const waitForRest = ({ agents, strays }: Residents): DrainStep | undefined => {
  if (agents.length > 0) return { ...waitForAgents({ agents }), againMs: LOOK_MS }
  if (strays > 0) return wait('draining', `It waits for ${counted(strays, 'workload')} that nobody needs to end.`, undefined, LOOK_MS)
  return undefined
}

const waitForUnmovable = (controllers: readonly Controller[]): DrainStep => {
  const silent = controllers.find(({ phase }) => phase === 'unreachable')
  if (silent !== undefined)
    return wait(
      'host-silent',
      'A controller on it is unreachable: it may still run there.',
      'Bring the host back, or stop the controller to give it up.',
      LOOK_MS,
    )
  return wait('draining', 'A controller is just being started on it.', undefined, LOOK_MS)
}

const nowhereToGo = ({ host, others, wanted: { drainBy } }: DrainView, { spec }: Controller): DrainStep => {
  const orDeadline = drainBy === undefined ? '' : ', or until the deadline'
  return wait(
    'no-capacity',
    others.length === 0
      ? `Its controllers have nowhere to go: this is the only host. They go on here until there is another${orDeadline}.`
      : `Its controllers have nowhere to go: none of ${others.length === 1 ? 'the one other host' : `the ${others.length} other hosts`} takes one and has its ${spec.memoryMb} MB free. They go on here until one does${orDeadline}.`,
    `Add a host or make room on one; or stop those that ./manor host show ${host.id} lists${drainBy === undefined ? `; or give a deadline, at which they are stopped all the same: ./manor host drain ${host.id} --deadline 30m` : ''}.`,
    LOOK_MS,
  )
}

const endedIdle = ({ id }: Host): Why => ({
  code: 'drained',
  message: `Its host ${id} is being drained, and it had no build yet.`,
})

const endedBusy = ({ id }: Host, { build }: Agent): Why => ({
  code: 'drained',
  message: `Its host ${id} was to be empty by a deadline, which is over. Its build${build === undefined ? '' : ` ${build.job} #${build.number}`} was lost.`,
  mend: 'Build it again: it gets an agent on another host.',
})

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

const said = (reason: Reason | undefined): string => (reason === undefined ? '' : ` ${reason.message}`)
