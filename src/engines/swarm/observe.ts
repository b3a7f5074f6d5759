import type { Observation, ObservedState, Timestamp } from '../../model/index.ts'
import { parse } from '../docker/client/answers.ts'
import { readLabels, type Told } from '../docker/labels.ts'
import { type Placement, type Service, ServiceSpec, type Task } from './answers.ts'
import { hasRun, taskReason, waitingReason, wasEndedBySwarm } from './end-reason.ts'
import { SWARM_LABEL } from './names.ts'
import type { NodeSeen } from './nodes.ts'
import { PARKED } from './service-spec.ts'

export type ServiceSeen = {
  readonly serviceId: string
  readonly name: string
  readonly told: Told
  readonly together: string
  /** Of its overlays. */
  readonly networks: readonly string[]
  readonly isParked: boolean
  readonly createdAt: Timestamp
  readonly updatedAt: Timestamp
}

export type TaskSeen = {
  readonly taskId: string
  readonly serviceId: string
  readonly state: string
  readonly desired: string
  /** Whether it was made when its service was parked. */
  readonly isParked: boolean
  readonly nodeId?: string
  readonly message: string
  readonly err: string
  readonly containerId?: string
  readonly exitCode?: number
  readonly at: Timestamp
  readonly createdAt: Timestamp
}

/** Reads a service; undefined where it is no workload of ours. */
export const readService = ({ ID, CreatedAt, UpdatedAt, Spec }: Service): ServiceSeen | undefined => {
  const { Name, Labels = null, TaskTemplate } = parse(ServiceSpec, JSON.stringify(Spec))
  const told = readLabels(Labels)
  if (told === undefined) return undefined
  return {
    serviceId: ID,
    name: Name,
    told,
    together: Labels?.[SWARM_LABEL.together] ?? '',
    networks: (TaskTemplate.Networks ?? []).flatMap(({ Target }) => (Target === undefined ? [] : [Target])),
    isParked: hasParked(TaskTemplate.Placement),
    createdAt: Date.parse(CreatedAt),
    updatedAt: Date.parse(UpdatedAt),
  }
}

const hasParked = (placement: Placement | undefined): boolean => (placement?.Constraints ?? []).includes(PARKED)

export const readTask = ({ ID, ServiceID = '', NodeID = '', CreatedAt, DesiredState, Spec, Status }: Task): TaskSeen => {
  const { ContainerID = '', ExitCode } = Status.ContainerStatus ?? {}
  return {
    taskId: ID,
    serviceId: ServiceID,
    state: Status.State,
    desired: DesiredState,
    isParked: hasParked(Spec.Placement),
    ...(NodeID === '' ? {} : { nodeId: NodeID }),
    message: Status.Message ?? '',
    err: Status.Err ?? '',
    ...(ContainerID === '' ? {} : { containerId: ContainerID }),
    ...(ExitCode === undefined ? {} : { exitCode: ExitCode }),
    at: Date.parse(Status.Timestamp),
    createdAt: Date.parse(CreatedAt),
  }
}

const ENDED: ReadonlySet<string> = new Set(['complete', 'failed', 'shutdown', 'rejected', 'orphaned', 'remove'])
const WAITING: Readonly<Record<string, ObservedState>> = { new: 'pending', allocated: 'pending', pending: 'placing' }

export const isOver = ({ state }: Pick<TaskSeen, 'state'>): boolean => ENDED.has(state)

/** Whether the Swarm itself means to end it. */
const isUnwanted = ({ desired }: TaskSeen): boolean => desired === 'shutdown' || desired === 'remove'

/**
 * Whether it never ran and never will: no node is given to a task that is unwanted (swarmkit, manager/scheduler/scheduler.go), and none is that
 * of a parked service. One that was made before and is still wanted may get its node yet.
 */
const isStillborn = (task: TaskSeen): boolean => task.nodeId === undefined && !isOver(task) && (task.isParked || isUnwanted(task))

/** The task that runs the workload is the first that its service had; whatever comes later, somebody else made. */
export const mainTask = (tasks: readonly TaskSeen[]): TaskSeen | undefined =>
  tasks.toSorted((a, b) => a.createdAt - b.createdAt || (a.taskId < b.taskId ? -1 : 1))[0]

export type Beside = {
  readonly nodeOf: (nodeId: string) => NodeSeen | undefined
  readonly stop?: { readonly askedAt: Timestamp }
  /** What the daemon of its node says of its container, where Manor reaches that. */
  readonly onNode?: Observation
  /** Whether Manor knows the daemon of its node, which may tell more than it has. */
  readonly nodeTellsMore?: boolean
  readonly now: Timestamp
}

export type Looked = {
  readonly observation: Observation
  /** Set where its service must not start anything more: a second task came, or its only one vanished. */
  readonly mustPark: boolean
}

/** A service that was just made has no task yet; swarmkit makes it within milliseconds, and under load within seconds. */
const TASK_COMES_WITHIN_MS = 30_000

/** What is so of a workload, from all that is known of its service. Pure. */
export const look = (service: ServiceSeen, all: readonly TaskSeen[], beside: Beside): Looked => {
  const { told, isParked } = service
  const tasks = isParked ? all.filter(task => !isStillborn(task)) : all
  const main = mainTask(tasks)
  const base = { id: told.id, labels: told.labels, ports: told.ports }
  if (main === undefined) return withoutTask(service, base, beside)
  const strays = tasks.some(task => task !== main && !isOver(task))
  const ranOut = beside.onNode?.ranOutOfMemory ? { ranOutOfMemory: true as const } : {}
  const seen = { ...base, ...placeOf(main, told, beside), ...ranOut }
  const observation = isOver(main) ? ended(main, seen, told, beside, strays) : alive(main, seen, beside)
  return { observation, mustPark: strays && !isParked }
}

/**
 * An end that was told is final, whatever is seen after it: its node's daemon may have known of it first, and its managers not know it when the
 * node is silent; or somebody changed its service, which is parked then. Why it ended may be known better later.
 */
export const afterEnd = (told: Observation | undefined, looked: Looked): Looked =>
  told?.state === 'ended' && looked.observation.state !== 'ended' ? { ...looked, observation: told } : looked

type Base = Pick<Observation, 'id' | 'labels' | 'ports'>
type Placed = Base & Pick<Observation, 'host' | 'address' | 'peerAddress' | 'ranOutOfMemory'>

const placeOf = ({ nodeId }: TaskSeen, told: Told, { nodeOf }: Beside) => {
  const node = nodeId === undefined ? undefined : nodeOf(nodeId)
  if (node === undefined) return {}
  return { host: node.host, ...(node.address === '' ? {} : { address: node.address }), peerAddress: told.labels.noun }
}

const withoutTask = (service: ServiceSeen, base: Base, { stop, now }: Beside): Looked => {
  if (stop !== undefined && service.isParked) {
    const reason = { code: 'killed-by-us', message: 'It was stopped on request.', since: stop.askedAt } as const
    return { observation: { ...base, state: 'ended', endedAt: stop.askedAt, reason }, mustPark: false }
  }
  if (service.isParked) {
    const reason = {
      code: 'node-lost',
      message: 'The Swarm does not know any more what became of it: its node was taken out.',
      mend: 'It is started again on another node.',
      since: service.updatedAt,
    } as const
    return { observation: { ...base, state: 'ended', endedAt: service.updatedAt, reason }, mustPark: false }
  }
  const isLost = now - service.createdAt > TASK_COMES_WITHIN_MS
  return { observation: { ...base, state: isLost ? 'unknown' : 'pending' }, mustPark: isLost }
}

/** What a node's daemon knows of an end is waited for so long: it may be slow, or have just been started anew. */
const NODE_TELLS_WITHIN_MS = 10_000

const ended = (main: TaskSeen, seen: Placed, told: Told, beside: Beside, strays: boolean): Observation => {
  const { stop, onNode, nodeOf, nodeTellsMore = false, now } = beside
  const stopped = stop !== undefined && main.at >= stop.askedAt - CLOCK_SKEW_MS
  const ran = hasRun(main)
  const ending = {
    ...main,
    stopped,
    nodeIsDrained: main.nodeId !== undefined && nodeOf(main.nodeId)?.availability === 'drain',
    memoryLimitMb: told.memoryMb,
    program: told.program,
  }
  const { exitCode: _told, ...rest } = ending
  const exact = ran && main.exitCode !== undefined && main.exitCode >= 0 ? { exitCode: main.exitCode } : {}
  const swarms = { ...taskReason({ ...rest, ...exact }), since: main.at }
  // Only its node knows whether it was memory, and what it said last; only the Swarm knows that it was the Swarm.
  const known = onNode?.state === 'ended' && ran ? onNode : undefined
  const isAwaited = ran && known === undefined && nodeTellsMore && now - main.at < NODE_TELLS_WITHIN_MS
  if (strays || isAwaited) return { ...seen, state: 'stopping', reason: swarms, startedAt: known?.startedAt ?? main.createdAt }
  return {
    ...seen,
    state: 'ended',
    ...(ran ? { startedAt: known?.startedAt ?? main.createdAt } : {}),
    endedAt: known?.endedAt ?? main.at,
    ...(known?.exitCode === undefined ? exact : { exitCode: known.exitCode }),
    ...(known?.peakMemoryMb === undefined ? {} : { peakMemoryMb: known.peakMemoryMb }),
    reason: known?.reason === undefined || wasEndedBySwarm(ending) ? swarms : known.reason,
  }
}

/** Clocks of the managers and of Manor's machine may differ by this. */
const CLOCK_SKEW_MS = 2_000

/** A task has its addresses before anything else is done with it, within milliseconds; one for which there is none stays so without a word. */
const ADDRESS_COMES_WITHIN_MS = 30_000
const NO_ADDRESS = {
  code: 'no-capacity',
  message: 'The Swarm has no address for it: the overlay of its tenant is full, or the managers have too much to do.',
  mend: 'It starts when another one has ended. A Swarm made with --default-addr-pool-mask-length 22 has larger overlays.',
} as const

const alive = (main: TaskSeen, seen: Placed, { stop, onNode, nodeOf, now }: Beside): Observation => {
  const node = main.nodeId === undefined ? undefined : nodeOf(main.nodeId)
  const startedAt = onNode?.startedAt ?? (main.state === 'running' ? main.at : undefined)
  const since = startedAt === undefined ? {} : { startedAt }
  // A node that is silent is not dead: what ran there may run on.
  if (main.nodeId !== undefined && node?.isReady !== true) return { ...seen, state: 'unknown', ...since }
  const isSwarms = isUnwanted(main)
  // The daemon knew of the end before its managers did. Of an end that they asked for they tell more in a moment.
  if (onNode?.state === 'ended' && (stop !== undefined || !isSwarms)) return { ...onNode, ...seen }
  if (stop !== undefined || isSwarms) return { ...seen, state: 'stopping', ...since, ...usedOf(onNode) }
  if (main.state === 'running')
    return { ...seen, state: 'running', ...since, ...usedOf(onNode), ...(onNode?.reason === undefined ? {} : { reason: onNode.reason }) }
  if (main.state === 'new' && now - main.createdAt > ADDRESS_COMES_WITHIN_MS)
    return { ...seen, state: 'pending', reason: { ...NO_ADDRESS, since: main.createdAt } }
  const waits = WAITING[main.state]
  if (waits === undefined) return { ...seen, state: 'starting' }
  return { ...seen, state: waits, ...(main.err === '' ? {} : { reason: { ...waitingReason(main.err), since: main.at } }) }
}

const usedOf = (onNode: Observation | undefined) => ({
  ...(onNode?.memoryMb === undefined ? {} : { memoryMb: onNode.memoryMb }),
  ...(onNode?.peakMemoryMb === undefined ? {} : { peakMemoryMb: onNode.peakMemoryMb }),
})
