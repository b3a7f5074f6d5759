import {
  type Controller,
  type ControllerEndpoint,
  type ControllerPhase,
  MINUTE,
  type Observation,
  type Presence,
  type Reason,
  SECOND,
  SILENT_INTERVALS,
  type Timestamp,
  type WorkloadId,
} from '../model/index.ts'

/** What the program answered at its door. */
export type Probe =
  | { readonly kind: 'ready'; readonly version: string }
  /** It answers, and is not ready: 503, or no version header yet. */
  | { readonly kind: 'starting' }
  | { readonly kind: 'refused' }

/** What is seen of a controller, put together by the reconciler before it decides. */
export type ControllerView = {
  readonly controller: Controller
  /** Of the current run's workload; undefined where the engine's list, begun after the intent was written, does not have it. */
  readonly observation: Observation | undefined
  /** Of other runs than the current one: earlier ones whose traces are left, and what an engine carried out late. */
  readonly strays: readonly Observation[]
  /** Only looked at in the phases that need it. */
  readonly probe: Probe | undefined
  /** Since when the program of this run has served without a word of its hook; undefined where it does not serve or the hook has spoken. */
  readonly servesSilentlySince: Timestamp | undefined
  /** Of the current epoch. */
  readonly presence: Presence | undefined
  /** How long ago that was heard. */
  readonly heardForMs: number | undefined
  /** How long this Manor has listened to hooks: what they told an earlier one is not remembered. */
  readonly listeningForMs: number
  /** With what its program exits to be started again; undefined where it never does. */
  readonly restartExitCode: number | undefined
  /** Agents of this controller that are not gone yet. */
  readonly liveAgents: number
  readonly now: Timestamp
  /** How long it has been in its phase, though the wall clock may have been set since: for graces whose early end costs a build. */
  readonly phaseForMs: number
}

/** One step. The reconciler carries it out and looks again. */
export type ControllerStep =
  /** Nothing to do before something changes, or `againMs` have passed. `reason` is shown meanwhile. */
  | { readonly kind: 'wait'; readonly againMs?: number; readonly reason?: Omit<Reason, 'since'> }
  | {
      readonly kind: 'move'
      readonly to: ControllerPhase
      readonly message: string
      readonly reason?: Omit<Reason, 'since'>
      /** The program's version, once it is known. */
      readonly version?: string
    }
  /** Write the intent of a new run, with a place and a fencing number. */
  | { readonly kind: 'prepare' }
  /** Program, home, workload: all idempotent. */
  | { readonly kind: 'launch' }
  | { readonly kind: 'stop-workload'; readonly graceMs: number }
  /** The engine tells where the run is reached, and it is not where the row says. */
  | { readonly kind: 'locate'; readonly endpoint: ControllerEndpoint }
  /** The current run's traces are read and can go. */
  | { readonly kind: 'forget-workload' }
  /** A run that is not the current one: it must not write to the home, and its traces are read by nobody. */
  | { readonly kind: 'end-stray' | 'forget-stray'; readonly id: WorkloadId }
  | { readonly kind: 'retire' }
  /** The run ended or never came up; back off, then try again. */
  | { readonly kind: 'fail'; readonly reason: Omit<Reason, 'since'> }

/** Where a controller is taken to be until its engine says otherwise. */
export const LOOPBACK = '127.0.0.1'

/** How long a hook may be silent before its word about running builds is not waited for any more. */
export const HOOK_SILENCE_MS = 45 * SECOND
/** A program that serves and whose hook is silent may never have been secured. The hook greets at once; it may have missed a Manor that was away. */
export const HOOK_GREETING_MS = 60 * SECOND
/** After this long without being ready, the reason says so; the program is left alone (liveness is the process, design section 4). */
export const SLOW_BOOT_MS = 5 * MINUTE
/** From the polite signal to the kill. An idle Jenkins needs 0.1 to 1.6 s; one that writes a large queue needs more. */
export const TERMINATION_GRACE_MS = 60 * SECOND
const PROBE_INTERVAL_MS = 150
const READY_CHECK_MS = 10 * SECOND

const wait = (againMs?: number, reason?: Omit<Reason, 'since'>): ControllerStep => ({
  kind: 'wait',
  ...(againMs === undefined ? {} : { againMs }),
  ...(reason === undefined ? {} : { reason }),
})

/** Pure: from what is wanted and what is seen to one step. Every phase is told apart; nothing is remembered between calls. */
export const decide = (view: ControllerView): ControllerStep => decideStrays(view) ?? decideCurrent(view)

/** Phases from which a run may begin: not while another of the controller's may still have its home. */
const BEFORE_A_RUN: ReadonlySet<ControllerPhase> = new Set<ControllerPhase>(['pending', 'failed', 'preparing'])

const decideStrays = ({ controller, strays }: ControllerView): ControllerStep | undefined => {
  const lives = strays.find(({ state }) => state !== 'ended' && state !== 'unknown')
  if (lives) return { kind: 'end-stray', id: lives.id }
  const ended = strays.find(({ state }) => state === 'ended')
  if (ended) return { kind: 'forget-stray', id: ended.id }
  if (strays.length > 0 && controller.wanted === 'running' && BEFORE_A_RUN.has(controller.phase))
    return wait(READY_CHECK_MS, {
      code: 'host-silent',
      message: 'An earlier run of it is on a host that is silent. It may still write to its home, so no other is started.',
      mend: 'Bring the host back.',
    })
  return undefined
}

const decideCurrent = (view: ControllerView): ControllerStep => {
  switch (view.controller.phase) {
    case 'pending':
    case 'failed':
      return decideIdle(view)
    case 'preparing':
      return decidePreparing(view)
    case 'starting':
      return decideStarting(view)
    case 'ready':
      return decideReady(view)
    case 'unreachable':
      return decideUnreachable(view)
    case 'quieting':
      return decideQuieting(view)
    case 'stopping':
      return decideStopping(view)
    case 'stopped':
      return decideStopped(view)
    case 'deleting':
      return decideDeleting(view)
  }
}

const wantsEnd = ({ wanted, restartsWanted, restartsDone }: Controller): boolean => wanted !== 'running' || restartsWanted > restartsDone

/** The run is over. Its traces (the log) are kept until the next run is due, for whoever wants to know why. */
const decideIdle = ({ controller, observation, now }: ControllerView): ControllerStep => {
  if (observation?.state === 'unknown') return wait(READY_CHECK_MS)
  if (observation && observation.state !== 'ended') return { kind: 'stop-workload', graceMs: TERMINATION_GRACE_MS }
  if (controller.wanted === 'deleted') return { kind: 'move', to: 'deleting', message: 'is being deleted' }
  if (controller.wanted === 'stopped') return { kind: 'move', to: 'stopped', message: 'is stopped' }
  if (controller.nextTryAt !== undefined && controller.nextTryAt > now) return wait(controller.nextTryAt - now)
  return { kind: 'prepare' }
}

const decidePreparing = ({ controller, observation }: ControllerView): ControllerStep => {
  if (controller.wanted !== 'running') return { kind: 'move', to: 'stopping', message: 'is stopping before it was started' }
  if (!observation) return { kind: 'launch' }
  return { kind: 'move', to: 'starting', message: 'is starting' }
}

const ended = (observation: Observation | undefined, what: string): ControllerStep => ({
  kind: 'fail',
  reason: observation?.reason
    ? {
        code: observation.reason.code,
        message: `${what}: ${observation.reason.message}`,
        ...(observation.reason.mend === undefined ? {} : { mend: observation.reason.mend }),
      }
    : {
        code: observation === undefined ? 'node-lost' : 'exit-code',
        message:
          observation === undefined ? `${what}: its process is gone.` : `${what} with exit code ${observation.exitCode ?? 'unknown'}.`,
        mend: 'Look at its log: ./manor controller logs NAME.',
      },
})

/**
 * Where an engine has put the run, if that is not what the row says: containers have addresses of their own, and get new ones when their daemon
 * starts them again.
 */
const movedTo = ({ endpoint }: Controller, { state, address, peerAddress, ports }: Observation): ControllerEndpoint | undefined => {
  if (endpoint === undefined || state !== 'running') return undefined
  const { host, peerHost, httpPort, agentPort } = endpoint
  const peer = address === undefined ? peerHost : peerAddress
  const found: ControllerEndpoint = {
    host: address ?? host,
    ...(peer === undefined ? {} : { peerHost: peer }),
    httpPort: ports.http ?? httpPort,
    ...(agentPort === undefined ? {} : { agentPort: ports.agent ?? agentPort }),
  }
  const isThere = found.host === host && found.peerHost === peerHost && found.httpPort === httpPort && found.agentPort === agentPort
  return isThere ? undefined : found
}

const decideStarting = (view: ControllerView): ControllerStep => {
  const { controller, observation, probe, presence, now } = view
  if (observation?.state === 'unknown') return silentHost
  if (!observation || observation.state === 'ended') return ended(observation, 'It ended while it started')
  // One that was ready before its host fell silent may have builds.
  if (wantsEnd(controller))
    return controller.readyAt === undefined ? { kind: 'move', to: 'stopping', message: 'is stopping before it was ready' } : QUIET
  const endpoint = movedTo(controller, observation)
  if (endpoint) return { kind: 'locate', endpoint }
  if (presence?.problem !== undefined)
    return {
      kind: 'fail',
      reason: { code: 'not-secured', message: `Its hook could not secure it, so it was not let serve: ${presence.problem}` },
    }
  if (probe?.kind === 'ready' && presence)
    return { kind: 'move', to: 'ready', message: `is ready (version ${probe.version})`, version: probe.version }
  if (view.servesSilentlySince !== undefined && now - view.servesSilentlySince >= HOOK_GREETING_MS)
    return {
      kind: 'fail',
      reason: {
        code: 'not-secured',
        message: `It serves, and its hook has said nothing for ${HOOK_GREETING_MS / SECOND} s: it may not be secured, so it is ended.`,
        mend: 'Look at its log for why the hook did not run: ./manor controller logs NAME.',
      },
    }
  if (now - controller.phaseSince < SLOW_BOOT_MS) return wait(PROBE_INTERVAL_MS)
  return wait(READY_CHECK_MS, {
    code: 'waiting-boot',
    message: `It is still starting after ${Math.round((now - controller.phaseSince) / MINUTE)} minutes${probe?.kind === 'ready' ? '; it answers, but its hook has not reported' : ''}.`,
    mend: 'Look at its log (./manor controller logs NAME); a controller short of memory or cpu starts slowly.',
  })
}

const silentHost: ControllerStep = {
  kind: 'move',
  to: 'unreachable',
  message: 'is unreachable: its host is silent',
  reason: {
    code: 'host-silent',
    message: 'Its host is silent. It may still run there, so it is not started elsewhere.',
    mend: 'Bring the host back, or stop the controller to say that it may be given up.',
  },
}

const QUIET: ControllerStep = { kind: 'move', to: 'quieting', message: 'is quieting: no new builds start, running ones go on' }

const decideReady = ({ controller, observation, restartExitCode }: ControllerView): ControllerStep => {
  if (observation?.state === 'unknown') return silentHost
  if (observation?.state === 'ended' && restartExitCode !== undefined && observation.exitCode === restartExitCode)
    return { kind: 'move', to: 'pending', message: 'restarts: someone asked for it inside' }
  if (!observation || observation.state === 'ended') return ended(observation, 'It ended unexpectedly')
  if (wantsEnd(controller)) return QUIET
  const endpoint = movedTo(controller, observation)
  if (endpoint) return { kind: 'locate', endpoint }
  return wait()
}

const decideUnreachable = ({ controller, observation }: ControllerView): ControllerStep => {
  if (observation?.state === 'unknown')
    return controller.wanted === 'running'
      ? wait(READY_CHECK_MS)
      : { kind: 'move', to: 'stopping', message: 'is given up on its silent host' }
  if (!observation || observation.state === 'ended') return ended(observation, 'It ended while its host was silent')
  return { kind: 'move', to: 'starting', message: 'is reachable again' }
}

const decideQuieting = (view: ControllerView): ControllerStep => {
  const { controller, observation, presence, phaseForMs: quietFor } = view
  if (observation?.state === 'unknown') return silentHost
  if (!observation || observation.state === 'ended') return { kind: 'move', to: 'stopping', message: 'ended while it was quieting' }
  if (!wantsEnd(controller)) return { kind: 'move', to: 'ready', message: 'is ready again: the stop was taken back' }
  const stop = (message: string): ControllerStep => ({ kind: 'move', to: 'stopping', message })
  if (quietFor >= controller.spec.graceMs)
    return stop(
      presence && presence.running > 0
        ? `is stopping: ${presence.running} builds still ran after the grace of ${Math.round(controller.spec.graceMs / SECOND)} s`
        : 'is stopping',
    )
  // A Manor that has just begun has heard nobody yet, and a host that was silent has let nobody be heard: the hook gets its time anew.
  const silentFor = Math.min(quietFor, view.heardForMs ?? view.listeningForMs)
  const silenceMs = Math.max(HOOK_SILENCE_MS, SILENT_INTERVALS * (presence?.reportIntervalMs ?? 0))
  if (silentFor >= silenceMs) return stop(`is stopping: its hook has been silent for ${Math.round(silentFor / SECOND)} s`)
  // A report from an earlier time of quieting, which was taken back, says nothing of the builds that began since.
  if (presence?.quieting && presence.running === 0 && view.heardForMs !== undefined && view.heardForMs < quietFor)
    return stop('is stopping: no build runs any more')
  return wait(Math.min(SECOND, controller.spec.graceMs - quietFor), {
    code: 'waiting-builds',
    message: waitingFor(presence, controller.spec.graceMs),
    mend: 'Abort the builds in the controller to stop it sooner.',
  })
}

/** Without a countdown: each new sentence is an event. */
const waitingFor = (presence: Presence | undefined, graceMs: number): string => {
  const atMost = `at most ${Math.round(graceMs / SECOND)} s in all`
  if (presence === undefined) return `It waits for its hook to say which builds run, ${atMost}.`
  if (presence.running === 0) return `It waits for its controller to take no more builds, ${atMost}.`
  return `It waits for ${presence.running === 1 ? 'a running build' : `${presence.running} running builds`}, ${atMost}.`
}

const decideStopping = ({ controller, observation }: ControllerView): ControllerStep => {
  if (observation && observation.state !== 'ended') return { kind: 'stop-workload', graceMs: TERMINATION_GRACE_MS }
  if (controller.wanted === 'deleted') return { kind: 'move', to: 'deleting', message: 'is being deleted' }
  if (controller.wanted === 'stopped') return { kind: 'move', to: 'stopped', message: 'is stopped' }
  return { kind: 'move', to: 'pending', message: 'waits to be started again' }
}

const decideStopped = ({ controller, observation }: ControllerView): ControllerStep => {
  if (observation && observation.state !== 'ended') return { kind: 'move', to: 'stopping', message: 'is stopping: its process came back' }
  if (controller.wanted === 'running') return { kind: 'move', to: 'pending', message: 'is to be started' }
  if (controller.wanted === 'deleted') return { kind: 'move', to: 'deleting', message: 'is being deleted' }
  return wait()
}

const decideDeleting = ({ observation, liveAgents }: ControllerView): ControllerStep => {
  if (observation && observation.state !== 'ended') return { kind: 'stop-workload', graceMs: TERMINATION_GRACE_MS }
  if (observation) return { kind: 'forget-workload' }
  if (liveAgents > 0) return wait(SECOND, { code: 'waiting-builds', message: `It waits for ${liveAgents} agents to be taken down.` })
  return { kind: 'retire' }
}
