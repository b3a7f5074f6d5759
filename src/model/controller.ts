import type { ControllerId, HostId, TenantId, WorkloadId } from './ids.ts'
import type { Reason } from './reason.ts'
import type { Resources } from './resources.ts'
import type { Mebibytes, Milliseconds, Timestamp } from './units.ts'

/** What the owner wants of a controller. Only the API writes it. */
export const CONTROLLER_WANTED = ['running', 'stopped', 'deleted'] as const
export type ControllerWanted = (typeof CONTROLLER_WANTED)[number]

/** What a controller is seen to be. Only the controllers' reconciler writes it (design section 4). */
export const CONTROLLER_PHASES = [
  'pending',
  'preparing',
  'starting',
  'ready',
  'quieting',
  'stopping',
  'stopped',
  'failed',
  'unreachable',
  'deleting',
] as const
export type ControllerPhase = (typeof CONTROLLER_PHASES)[number]

/** What a person can ask of a controller. */
export const CONTROLLER_ACTIONS = ['start', 'stop', 'restart', 'delete'] as const
export type ControllerAction = (typeof CONTROLLER_ACTIONS)[number]

const LEGAL_ACTIONS: Readonly<Record<ControllerPhase, readonly ControllerAction[]>> = {
  pending: ['stop', 'delete'],
  preparing: ['stop', 'delete'],
  starting: ['stop', 'restart', 'delete'],
  ready: ['stop', 'restart', 'delete'],
  quieting: ['start', 'delete'],
  stopping: ['start', 'delete'],
  stopped: ['start', 'delete'],
  failed: ['start', 'stop', 'restart', 'delete'],
  unreachable: ['stop', 'delete'],
  deleting: [],
}

/** The actions that a controller's phase allows; the API answers 409 with this list to any other. */
export const legalActions = (phase: ControllerPhase): readonly ControllerAction[] => LEGAL_ACTIONS[phase]

export type DistributionName = 'jenkins' | 'hudson'

/** The wanted make of a controller; its owner sets it, and a change takes effect at the next start. */
export type ControllerSpec = {
  /** Hard limit of the whole process tree; the heap is derived from it. */
  readonly memoryMb: Mebibytes
  /** Cores as a weight under contention; a tenth of them is promised by the host. */
  readonly cpu: number
  readonly diskMb: Mebibytes
  /** How long a planned stop waits for running builds before it goes on without them. */
  readonly graceMs: Milliseconds
  readonly distribution: DistributionName
  /** The version line or the version; absent means the newest that this machine's Java can run. */
  readonly version?: string
  /** A war of the owner's own instead of a downloaded one: an absolute path on the host. */
  readonly war?: string
}

/**
 * Of a controller's cores this much is promised by its host. The rest is a weight: controllers do nothing nearly all the time, and a machine
 * whose cores were all promised to idle ones would have none left for a build.
 */
export const CONTROLLER_CPU_PROMISED = 0.1

/** What a controller takes of its host while it holds a place there. Its disk is its volume's: what a host has free is for agents. */
export const shareOfHost = ({ cpu, memoryMb }: ControllerSpec): Resources => ({ cpu: cpu * CONTROLLER_CPU_PROMISED, memoryMb, diskMb: 0 })

/** From the intent of a run to its end; the row keeps naming the host afterwards, as history. */
const HOLDING: ReadonlySet<ControllerPhase> = new Set<ControllerPhase>([
  'preparing',
  'starting',
  'ready',
  'quieting',
  'stopping',
  'unreachable',
])

/** Whether a controller in this phase holds a place on its host. */
export const holdsPlace = (phase: ControllerPhase): boolean => HOLDING.has(phase)

/** Phases in which nothing of a controller runs, nor is about to. */
const AT_REST: ReadonlySet<ControllerPhase> = new Set<ControllerPhase>(['stopped', 'failed', 'pending'])

export const isAtRest = (phase: ControllerPhase): boolean => AT_REST.has(phase)

/** Where a running controller is reached from inside the platform. */
export type ControllerEndpoint = {
  /** As Manor reaches it. */
  readonly host: string
  /** As its agents reach it, where that is another: a name within a network of containers. */
  readonly peerHost?: string
  readonly httpPort: number
  /** Port for inbound TCP agents; absent where agents come by WebSocket. */
  readonly agentPort?: number
}

export type Controller = {
  readonly id: ControllerId
  readonly tenant: TenantId
  readonly wanted: ControllerWanted
  readonly spec: ControllerSpec
  readonly createdAt: Timestamp
  /** Counts requests to restart; the reconciler restarts while it is ahead of `restartsDone`. */
  readonly restartsWanted: number
  readonly restartsDone: number
  readonly phase: ControllerPhase
  readonly phaseSince: Timestamp
  readonly reason?: Reason
  /** Fencing number of the current run: grows over all controllers of the store, so a name that is used again never repeats one. */
  readonly epoch: number
  /** Its engine may have taken the current run on though its launch failed, or may do so yet: the next try is the same run. */
  readonly launchUnsure?: boolean
  /** The workload of the current run; it was written down before the engine was asked (design rule 2). */
  readonly workload?: WorkloadId
  readonly host?: HostId
  /** Kept over restarts, so that agents find the controller again. */
  readonly endpoint?: ControllerEndpoint
  /** The version that was resolved at the first start; later starts keep it until `spec.version` names another. */
  readonly pinnedVersion?: string
  /** The running program's version, from its version header. */
  readonly runningVersion?: string
  /** Failed starts in a row, and when the next try is due. */
  readonly failures: number
  readonly nextTryAt?: Timestamp
  readonly startedAt?: Timestamp
  readonly readyAt?: Timestamp
}
