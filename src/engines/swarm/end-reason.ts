import type { Reason } from '../../model/index.ts'
import { DockerError } from '../docker/client/errors.ts'
import { reasonOf } from '../docker/end-reason.ts'
import { startFailure } from '../docker/start-failure.ts'
import type { EngineError } from '../engine.ts'

/** How a task ended, as the Swarm tells. */
export type TaskEnding = {
  /** complete, failed, shutdown, rejected, orphaned or remove. */
  readonly state: string
  readonly message: string
  readonly err: string
  /** Of a task whose container has run. */
  readonly exitCode?: number
  /** Whether Manor had asked it to stop before it ended. */
  readonly stopped: boolean
  readonly nodeIsDrained: boolean
  readonly memoryLimitMb: number
  readonly program: string
}

type EndReason = Omit<Reason, 'since'>

const SIGKILL_STATUS = 137

/** Whether the task's container has ever run: its last words say how far it had come (swarmkit, agent/exec/controller.go). */
export const hasRun = ({ state, message }: Pick<TaskEnding, 'state' | 'message'>): boolean =>
  state === 'complete' || /^(started|finished|shutdown)$/.test(message)

/**
 * Why a task ended, where the Swarm alone can be asked. The order of the rows is the rule: what Manor did comes first, then what never began,
 * then what the Swarm did by itself, then the exit code.
 */
export const taskReason = (ending: TaskEnding): EndReason => {
  if (ending.stopped) return killedByUs(ending)
  if (noLongerFits(ending.err))
    return {
      code: 'evicted',
      message: 'The Swarm took it off its node, which it says has no room for it any more or must not run it.',
      mend: "It is started again. Look at the node's labels, and at completed jobs of others there: their reservations are counted on (moby #52652).",
    }
  if (ending.state === 'rejected' || (ending.state === 'failed' && !hasRun(ending))) return neverRan(ending).reason
  if (SWARM_ENDED.has(ending.state)) return endedBySwarm(ending)
  return byExitCode(ending)
}

/** What ends a task without the program's own doing. */
const SWARM_ENDED: ReadonlySet<string> = new Set(['shutdown', 'orphaned', 'remove'])

/** Whether the Swarm, and nobody of ours, ended it. */
export const wasEndedBySwarm = ({ state, stopped }: Pick<TaskEnding, 'state' | 'stopped'>): boolean => !stopped && SWARM_ENDED.has(state)

const NO_LONGER_FITS = /no longer meets constraints/i
export const noLongerFits = (said: string): boolean => NO_LONGER_FITS.test(said)

/** Why a start was refused by its node, in the words of the Docker engine's own table. */
export const neverRan = ({ err }: Pick<TaskEnding, 'err'>): EngineError =>
  noLongerFits(err)
    ? startFailure(new DockerError(503, `its node was changed before it began: ${err}`))
    : startFailure(new DockerError(500, err === '' ? 'the node did not say why' : err))

const killedByUs = ({ exitCode }: TaskEnding): EndReason => ({
  code: 'killed-by-us',
  message:
    exitCode === SIGKILL_STATUS
      ? 'It was asked to stop, did not within its grace, and was killed.'
      : exitCode === undefined
        ? 'It was stopped on request.'
        : `It was stopped on request (exit code ${exitCode}).`,
})

const endedBySwarm = ({ state, nodeIsDrained, err }: TaskEnding): EndReason => {
  if (nodeIsDrained)
    return { code: 'evicted', message: 'Its node was drained, so the Swarm ended it.', mend: 'It is started again on another node.' }
  const said = err === '' ? '' : ` (${err})`
  return state === 'orphaned'
    ? { code: 'node-lost', message: `Its node was gone for too long${said}.`, mend: 'It is started again on another node.' }
    : {
        code: 'node-lost',
        message: `The Swarm ended it${said}: its node was out of reach for a while, or somebody changed its service.`,
        mend: 'It is started again. A longer heartbeat rides out short gaps: docker swarm update --dispatcher-heartbeat 30s.',
      }
}

const byExitCode = ({ exitCode = 0, memoryLimitMb, program }: TaskEnding): EndReason => {
  const reason = reasonOf({
    exitCode,
    oomKilled: false,
    memoryLimitMb,
    stopped: false,
    daemonWasAway: false,
    daemonError: '',
    lastWords: '',
    program,
  })
  if (exitCode !== SIGKILL_STATUS) return reason
  return {
    code: 'exit-code',
    message: `It was killed by SIGKILL (exit code 137), perhaps at its memory limit of ${memoryLimitMb} MB: only its node's own daemon knows.`,
    mend: 'Let Manor reach the daemons of the nodes, so that it can ask them.',
  }
}

/** What keeps a task from a node, as something that a person can mend. */
export const waitingReason = (err: string): EndReason => {
  if (/insufficient resources/i.test(err))
    return { code: 'no-capacity', message: `No node has room for it: ${err}.`, mend: 'Add nodes, or let it ask for less.' }
  if (/host-mode port/i.test(err))
    return {
      code: 'no-capacity',
      message: `The port that it must have is taken on every node: ${err}.`,
      mend: 'Stop what has it, or take another port.',
    }
  if (/scheduling constraints/i.test(err))
    return {
      code: 'no-capacity',
      message: `No node may run it: ${err}.`,
      mend: 'Look at the labels manor.role and manor.reserved-for of the nodes (docker node inspect), and at its mounts.',
    }
  return { code: 'no-capacity', message: err === '' ? 'It waits for a node.' : `It waits for a node: ${err}.` }
}

/** Whether nothing but its own wish for a port keeps it from every node. */
export const isPortsAlone = (err: string): boolean => /host-mode port/i.test(err) && !/insufficient|max replicas/i.test(err)
