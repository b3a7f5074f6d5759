import {
  type Agent,
  type AgentBuild,
  type AgentPhase,
  MINUTE,
  type Observation,
  type Presence,
  type Reason,
  SECOND,
  type Timestamp,
} from '../model/index.ts'

export type PresenceNode = Presence['nodes'][number]
type Why = Omit<Reason, 'since'>

/** An agent that no item needs is kept this long: the queue often refills, and a connected agent saves a start. */
export const SPARE_GRACE_MS = 15 * SECOND
/** After a controller's restart a Pipeline may still resume on its node; after this long with nothing to do, it will not. */
export const RESUME_GRACE_MS = MINUTE
/** How long a hook's word that a node is gone must hold where the node was never seen: it may be about to be made. */
export const NODE_GONE_CONFIRM_MS = 3 * SECOND
/** A process may be seen to end before the hook could say that its build had ended. */
export const DEATH_CONFIRM_MS = 3 * SECOND
/** A report from before a build began may arrive this long after the word of its begin: events and reports come by ways of their own. */
export const REPORT_BEHIND_MS = 3 * SECOND
/**
 * How long after its agent began to end a report must have been written to be believed without more: one that does not have the node, though
 * the hook did not say that it had carried out our last word; and one that still has it, idle, though it should have been removed.
 */
export const GONE_LIMIT_MS = 15 * SECOND
export const REMOVAL_LIMIT_MS = MINUTE
/** Least time that a connected agent gets to come back after it lost its connection. */
const RECONNECT_LEAST_MS = MINUTE

/** Since when something has been so, without a break. Not kept over a restart of Manor: every grace then begins anew. */
export type Marks = {
  readonly spare?: Timestamp
  readonly idle?: Timestamp
  readonly offline?: Timestamp
  readonly gone?: Timestamp
  readonly dead?: Timestamp
  readonly connecting?: Timestamp
}

/** What is seen of one launched agent. */
export type LifeView = {
  readonly agent: Agent
  /** `absent`: a list that began after the workload was submitted does not have it. `unsure`: it may be on its way. */
  readonly workload: Observation | 'absent' | 'unsure'
  /** The controller's own word, or undefined while it is not to be relied on: not ready, silent, or not reported since it started. */
  readonly hook?:
    | {
        readonly node: PresenceNode | undefined
        /** Whether the hook has carried out a `Wanted` that had the node, and one that no longer has it. */
        readonly included: boolean
        readonly leftOut: boolean
        readonly reportedAt: Timestamp
      }
    | undefined
  /** Its controller is not to run again, or is gone: nothing is left to ask. */
  readonly controllerGone: boolean
  readonly needed: boolean
  /** Its place was taken back before anything was started there. */
  readonly placeIsGone?: boolean
  /** Why it could not be submitted, for good. */
  readonly refused?: Why | undefined
  /** Why the last try to submit it failed, if it is tried again. */
  readonly trouble?: string | undefined
  readonly connectTimeoutMs: number
  readonly marks: Marks
  readonly now: Timestamp
}

export type LifeMove = {
  readonly to: AgentPhase
  /** Completes "Agent X ...". */
  readonly message: string
  /** `null` takes an earlier reason away. */
  readonly reason?: Why | null
  readonly build?: AgentBuild
}

export type Life = {
  readonly move?: LifeMove
  /** What the engine is to be asked, again and again until it is seen to have happened. */
  readonly ask?: 'submit' | 'stop'
  readonly marks: Marks
  /** When a grace runs out. */
  readonly againMs?: number
}

export const NO_MARKS: Marks = {}

/** Pure: what becomes of one launched agent. A busy one is never stopped by us; before any other is, the controller has said that it is idle. */
export const decideLife = (view: LifeView): Life => {
  switch (view.agent.phase) {
    case 'launching':
    case 'online':
      return decideUnused(view)
    case 'busy':
      return decideBusy(view)
    case 'ending':
      return decideEnding(view)
    case 'queued':
    case 'placed':
    case 'ended':
      return { marks: NO_MARKS }
  }
}

/** Whether a condition has held for `graceMs`, and since when. */
const held = (condition: boolean, since: Timestamp | undefined, graceMs: number, now: Timestamp) => {
  const from = condition ? (since ?? now) : undefined
  const leftMs = from === undefined ? undefined : Math.max(0, from + graceMs - now)
  return { from, over: leftMs === 0, leftMs }
}

/** Of those that there are; most agents have none, and nothing is made anew for them. */
const keep = (marks: { readonly [M in keyof Marks]?: Timestamp | undefined }): Marks => {
  let kept: { -readonly [M in keyof Marks]: Marks[M] } | undefined
  for (const name of MARKS) {
    const since = marks[name]
    if (since === undefined) continue
    kept ??= {}
    kept[name] = since
  }
  return kept ?? NO_MARKS
}
const MARKS = ['spare', 'idle', 'offline', 'gone', 'dead', 'connecting'] as const satisfies readonly (keyof Marks)[]

/** When to look again: once the first of these is over, in milliseconds. Not at all where none is known. */
export const soonest = (times: readonly (number | undefined)[]): { readonly againMs?: number } => {
  let againMs = Number.POSITIVE_INFINITY
  for (const ms of times) if (ms !== undefined) againMs = Math.min(againMs, ms)
  return againMs === Number.POSITIVE_INFINITY ? NEVER : { againMs }
}
const NEVER = {}

const move = (to: AgentPhase, message: string, reason?: Why | null, build?: AgentBuild): Life => ({
  marks: NO_MARKS,
  move: { to, message, ...(reason === undefined ? {} : { reason }), ...(build === undefined ? {} : { build }) },
})

const decideUnused = (view: LifeView): Life => {
  const { agent, workload, hook, marks, now } = view
  const isOnline = agent.phase === 'online'
  if (isOver(workload)) {
    // It may have taken a build of which the hook has not told yet; one that never connected has not.
    const dead = held(true, marks.dead, isOnline && !isCertain(workload) && !view.controllerGone ? DEATH_CONFIRM_MS : 0, now)
    const isUsed = hook?.node?.used === true || (isOnline && hook?.node === undefined && hook?.included === true)
    if (isUsed) return move('ended', 'ended after its build', null)
    if (dead.over) return move('ended', 'ended before it took a build', workloadReason(workload, 'It ended before it took a build'))
    return { marks: keep({ dead: dead.from }), ...soonest([dead.leftMs]) }
  }
  if (view.controllerGone) return move('ending', 'is ending: its controller is stopped', CONTROLLER_STOPPED)
  if (view.refused) return move('ending', 'could not be started', view.refused)
  if (view.placeIsGone && agent.phase === 'launching' && typeof workload === 'string')
    return move('queued', 'waits for another place: the engine took back what it had offered', null)
  // A silent host is not a dead one.
  if (typeof workload !== 'string' && workload.state === 'unknown') return { marks: NO_MARKS }
  const ask = workload === 'unsure' && !isOnline ? { ask: 'submit' as const } : {}
  if (hook === undefined) return { marks: NO_MARKS, ...ask }
  const { node } = hook
  if (node?.building || node?.used) return move('busy', `runs ${words(node)}`, null, node.building)
  if (node?.problem !== undefined)
    return move('ending', 'was refused by its controller', {
      code: 'node-refused',
      message: `Its controller could not make its node: ${node.problem}`,
      mend: "Look at the controller's log: ./manor controller logs NAME.",
    })
  if (node?.online && !isOnline) return move('online', 'is connected', null)
  const spare = held(!view.needed, marks.spare, SPARE_GRACE_MS, now)
  if (spare.over) return move('ending', 'is ending: no queue item needs it', SUPERSEDED)
  const gone = held(node === undefined && hook.included, marks.gone, isOnline ? 0 : NODE_GONE_CONFIRM_MS, now)
  if (gone.over) return move('ending', 'is ending: its node is gone from its controller', NODE_GONE)
  const limitMs = isOnline ? Math.max(RECONNECT_LEAST_MS, view.connectTimeoutMs) : view.connectTimeoutMs
  const connecting = held(!node?.online, marks.connecting, limitMs, now)
  if (connecting.over) return move('ending', 'is ending: it did not connect', neverConnected(view, limitMs))
  return {
    ...ask,
    marks: keep({ spare: spare.from, gone: gone.from, connecting: connecting.from }),
    ...soonest([spare.leftMs, gone.leftMs, connecting.leftMs]),
  }
}

const decideBusy = (view: LifeView): Life => {
  const { agent, workload, hook, marks, now } = view
  const node = hook?.node
  if (isOver(workload)) {
    const finished = agent.build?.result !== undefined || (hook !== undefined && (node === undefined || (node.used && !node.building)))
    if (finished) return endedWithBuild(view)
    const dead = held(true, marks.dead, isCertain(workload) || view.controllerGone ? 0 : DEATH_CONFIRM_MS, now)
    if (dead.over) return move('ended', 'ended while it ran its build', workloadReason(workload, 'It ended while it ran its build'))
    return { marks: keep({ dead: dead.from }), ...soonest([dead.leftMs]) }
  }
  if (view.controllerGone) return move('ending', 'is ending: its controller is stopped', CONTROLLER_STOPPED)
  if (hook === undefined) return { marks: NO_MARKS }
  if (node === undefined)
    return hook.included && isOfItsBuild(hook.reportedAt, agent) ? move('ending', 'has run its build', null) : { marks: NO_MARKS }
  if (node.building || node.awaited) return { marks: NO_MARKS }
  const idle = held(node.online, marks.idle, RESUME_GRACE_MS, now)
  if (idle.over)
    return move('ending', 'is ending: its build is over', {
      code: 'superseded',
      message: "Its build ended with the controller's restart, and nothing resumed on it.",
    })
  const limitMs = Math.max(RECONNECT_LEAST_MS, view.connectTimeoutMs)
  const offline = held(!node.online, marks.offline, limitMs, now)
  if (offline.over) return move('ending', 'is ending: it lost its connection', neverConnected(view, limitMs))
  return { marks: keep({ idle: idle.from, offline: offline.from }), ...soonest([idle.leftMs, offline.leftMs]) }
}

const decideEnding = (view: LifeView): Life => {
  const { agent, workload, hook } = view
  if (isOver(workload)) return agent.busyAt !== undefined && agent.reason === undefined ? endedWithBuild(view) : move('ended', 'ended')
  if (view.controllerGone || view.refused || hasLostItsBuild(agent)) return { marks: NO_MARKS, ask: 'stop' }
  if (hook === undefined) return { marks: NO_MARKS }
  const { node } = hook
  // The controller gave it a build at the last moment.
  if (node?.building) return move('busy', `runs ${words(node)}`, null, node.building)
  if (node?.awaited) return { marks: NO_MARKS }
  // A node that was seen is gone for good; one that never was may still be made from an older word of ours.
  const confirmed = node === undefined && (agent.onlineAt === undefined ? hook.leftOut : hook.included)
  const isLate = hook.reportedAt - agent.phaseSince >= (node === undefined ? GONE_LIMIT_MS : REMOVAL_LIMIT_MS)
  return { marks: NO_MARKS, ...(confirmed || isLate ? { ask: 'stop' as const } : {}) }
}

/** Whether a report that does not have the node can be from after its build: one that was on its way when the build began has not seen the node yet. */
const isOfItsBuild = (reportedAt: Timestamp, { build, busyAt = 0 }: Agent): boolean =>
  build?.result !== undefined || reportedAt - busyAt >= REPORT_BEHIND_MS

/** Stopped for others, or for its host's sake, in the middle of its build: its controller is not asked, since it would only say that it builds. */
export const hasLostItsBuild = ({ reason, busyAt }: Pick<Agent, 'reason' | 'busyAt'>): boolean =>
  (reason?.code === 'preempted' || reason?.code === 'drained') && busyAt !== undefined

const SUPERSEDED: Why = { code: 'superseded', message: 'No queue item needs it any more.' }
const NODE_GONE: Why = {
  code: 'superseded',
  message: 'Its node is gone from its controller: it ran a very short build, or someone removed it.',
}
const CONTROLLER_STOPPED: Why = { code: 'stopped-by-user', message: 'Its controller is stopped.' }

const neverConnected = ({ agent, trouble }: LifeView, limitMs: number): Why => ({
  code: 'never-connected',
  message: `It ${agent.onlineAt === undefined ? 'did not connect' : 'did not connect again'} within ${Math.round(limitMs / SECOND)} s${trouble === undefined ? '' : `: ${trouble}`}.`,
  mend: `Look at its log: ./manor agent logs ${agent.id}.`,
})

export const isOver = (workload: LifeView['workload']): boolean =>
  workload === 'absent' || (workload !== 'unsure' && workload.state === 'ended')

/** An exit code alone may be that of an agent whose build had ended; these are told by the host. */
const isCertain = (workload: LifeView['workload']): boolean =>
  typeof workload !== 'string' &&
  workload.reason !== undefined &&
  workload.reason.code !== 'exit-code' &&
  workload.reason.code !== 'killed-by-us'

const workloadReason = (workload: LifeView['workload'], what: string): Why => {
  if (typeof workload === 'string') return { code: 'node-lost', message: `${what}: its process is gone.` }
  if (workload.reason === undefined)
    return { code: 'exit-code', message: `${what} with exit code ${workload.exitCode ?? 'unknown'}.`, mend: 'Look at its log.' }
  const { code, message, mend } = workload.reason
  return { code, message: `${what}: ${message}`, ...(mend === undefined ? {} : { mend }) }
}

/** Its build is over and so is its process. Where the process was killed under a build that failed, that is why it failed. */
const endedWithBuild = ({ agent, workload }: LifeView): Life => {
  const failed = agent.build?.result === undefined || agent.build.result === 'FAILURE' || agent.build.result === 'ABORTED'
  return failed && wasKilled(workload)
    ? move('ended', 'ended while it ran its build', workloadReason(workload, 'It ended while it ran its build'))
    : move('ended', 'ended after its build', null)
}

/** Exit codes from here on are signals (POSIX.1-2017, XCU section 2.8.2). */
const FIRST_SIGNAL_EXIT = 128

const wasKilled = (workload: LifeView['workload']): boolean =>
  isCertain(workload) ||
  (typeof workload !== 'string' && workload.reason?.code === 'exit-code' && (workload.exitCode ?? 0) > FIRST_SIGNAL_EXIT)

const words = ({ building }: PresenceNode): string => (building ? `${building.job} #${building.number}` : 'its build')
