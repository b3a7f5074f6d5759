import type { Reason } from '../../model/index.ts'
import { reasonOf } from '../process/end-reason.ts'
import type { Deployment, QueueItem, Refusal, TaskFailure } from './wire.ts'

type Why = Omit<Reason, 'since'>

/** What Mesos' executors and containerizers say of an end (src/launcher/executor.cpp, src/docker/executor.cpp of Mesos 1.11). */
const EXITED = /(?:Container|Command) exited with status (\d+)/
const SIGNALLED = /terminated with signal ([A-Za-z ]+?)(?: \(core dumped\))?$/
const IMAGE = /(?:docker pull|pull image|Failed to run 'docker|no such image|manifest unknown|Failed to launch container:.*(?:image|pull))/i
const MEMORY = /(?:Memory limit exceeded|OOM)/i
const DISK = /Disk usage .* exceeds quota|exceeds disk quota/i

/** strsignal's words of the signals that end programs. */
const SIGNALS: Readonly<Record<string, number>> = {
  Hangup: 129,
  Interrupt: 130,
  Quit: 131,
  'Illegal instruction': 132,
  Aborted: 134,
  Killed: 137,
  'Segmentation fault': 139,
  'Broken pipe': 141,
  Terminated: 143,
}

/** The exit status in a message of Mesos, as a shell would give it. */
export const statusIn = (message: string): number | undefined => {
  const exited = EXITED.exec(message)?.[1]
  if (exited !== undefined) return Number(exited)
  const signal = SIGNALLED.exec(message)?.[1]
  return signal === undefined ? undefined : SIGNALS[signal]
}

export type EndFacts = {
  readonly status?: number
  readonly failure?: TaskFailure
  readonly stopped: boolean
  readonly program: string
  readonly memoryLimitMb: number
  readonly peakMemoryMb?: number
}

/**
 * Share of its limit from which a workload that was killed counts as killed for it. The Docker containerizer says "Container exited with
 * status 137" and no more, whoever sent the signal; what it had held is then the only witness.
 */
const NEAR_LIMIT = 0.9

/** Why a workload ended. What we asked for comes first, then what Mesos names, then what the status says. */
export const endReason = (facts: EndFacts): Why => {
  const { failure, status, stopped, program, memoryLimitMb, peakMemoryMb } = facts
  const peak = peakMemoryMb === undefined ? {} : { peakMemoryMb }
  const message = failure?.message ?? ''
  if (stopped)
    return reasonOf({
      how: 'status',
      ...(status === undefined ? {} : { status }),
      oomKills: 0,
      memoryLimitMb,
      program,
      stopped: 'politely',
    })
  if (MEMORY.test(message) || (status === 137 && peakMemoryMb !== undefined && peakMemoryMb >= NEAR_LIMIT * memoryLimitMb))
    return reasonOf({ how: 'status', status: 137, oomKills: 1, memoryLimitMb, program, ...peak })
  if (DISK.test(message)) return { code: 'disk-limit', message: `Mesos ended it for its disk: ${message}.`, mend: 'Give it more disk.' }
  if (status !== undefined) return reasonOf({ how: 'status', status, oomKills: 0, memoryLimitMb, program, ...peak })
  if (failure !== undefined) return failureReason(failure)
  return {
    code: 'evicted',
    message: 'Its task is gone from Marathon, and nobody said how it ended: somebody ended it there, or Manor was away when it did.',
    mend: 'Look for an operator or a tool that changes the apps below our group; start it again.',
  }
}

const LOST: ReadonlySet<string> = new Set([
  'TASK_LOST',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_DROPPED',
  'TASK_UNREACHABLE',
  'TASK_UNKNOWN',
])

/** What a failed launch, or an end without a status, is called. */
export const failureReason = ({ state, message = '', host }: TaskFailure): Why => {
  if (LOST.has(state))
    return {
      code: 'node-lost',
      message: `Its host${host === undefined ? '' : ` ${host}`} was lost (${state}): ${message || 'no more is known'}.`,
    }
  if (IMAGE.test(message))
    return {
      code: 'image-pull',
      message: `Its image could not be had: ${message}.`,
      mend: 'Look whether the name is right and the agents may pull it.',
    }
  if (state === 'TASK_ERROR')
    return { code: 'invalid-spec', message: `Mesos refused its task: ${message}.`, mend: 'Correct what Mesos names.' }
  const status = statusIn(message)
  if (status === 75)
    return {
      code: 'launch-timeout',
      message: 'Its task could not reach Manor to fetch what it is to run.',
      mend: 'Look whether the agents reach the start address, and have curl or wget.',
    }
  return {
    code: 'launch-timeout',
    message: `Its task ended before it had begun (${state}): ${message || 'no more is known'}.`,
    mend: "See the task's own output in Mesos.",
  }
}

/** Marathon's words for what a field of an app should be, put for a person. */
const FIELD_ERRORS: Readonly<Record<string, string>> = {
  'error.min': 'is smaller than may be',
  'error.max': 'is larger than may be',
  'error.pattern': 'has characters that may not be in it',
  'error.path.missing': 'is missing',
  'error.expected.jsnumber': 'is no number',
  'error.expected.jsstring': 'is no text',
}

/** A refusal as one sentence that names each field: of 422 the fields, of 400 the sentence. */
export const refusalSentence = (status: number, { message, details }: Refusal): string => {
  const said = message ?? `status ${status}`
  if (typeof details === 'string') return `${said}: ${details}`
  const fields = (details ?? []).map(({ path = '/', errors = [] }) => {
    const words = errors.map(error => FIELD_ERRORS[error] ?? error)
    return `${path === '' ? '/' : path} ${words.join(' and ') || 'is wrong'}`
  })
  return fields.length === 0 ? said : fields.join('; ')
}

/** What Marathon calls the reasons for which it passes an offer over, in its own order. */
const REJECTS: Readonly<Record<string, string>> = {
  UnfulfilledRole: 'were of another role',
  UnfulfilledConstraint: 'did not meet its constraints',
  NoCorrespondingReservationFound: 'lacked its reservation',
  AgentMaintenance: 'were of agents in maintenance',
  InsufficientCpus: 'had too little cpu',
  InsufficientMemory: 'had too little memory',
  InsufficientDisk: 'had too little disk',
  InsufficientGpus: 'had too few GPUs',
  InsufficientPorts: 'lacked its ports',
  DeclinedScarceResources: 'were kept for those who need their GPUs',
}

/** Why an app waits in Marathon's launch queue. */
export const queueReason = (item: QueueItem): Why => {
  const left = item.delay?.timeLeftSeconds ?? 0
  if (left > 0)
    return {
      code: 'backing-off',
      message: `Its last start failed, and Marathon waits ${Math.ceil(left)} s until the next.`,
      mend: 'See why the last one ended; the wait ends by itself.',
    }
  const summary = item.processedOffersSummary
  const all = summary?.rejectSummaryLastOffers ?? []
  const seen = Math.max(0, ...all.map(({ processed }) => processed))
  const declined = all.filter(reject => reject.declined > 0)
  if (declined.length === 0)
    return {
      code: 'no-capacity',
      message: seen === 0 ? 'No agent has offered anything to Marathon since it waits.' : 'It waits for the next offer.',
      ...(seen === 0 ? { mend: 'Look whether agents are there, and whether another framework holds their offers.' } : {}),
    }
  const words = declined.map(({ reason, declined: count }) => `${count} ${REJECTS[reason] ?? reason}`)
  return {
    code: 'no-capacity',
    message: `No agent has room for it: of the last ${seen} offers ${words.join(', ')}.`,
    mend: 'Add an agent, make it smaller, or end what it could take the place of.',
  }
}

/** Who holds an app locked, and since when we wait. */
export const lockReason = (deployments: readonly Deployment[], waitedMs: number): Why => {
  const [first] = deployments
  const others = (first?.affectedApps ?? []).length - 1
  const actions = (first?.currentActions ?? []).map(({ action }) => action).join(', ')
  return {
    code: 'preparing',
    message:
      `Marathon's deployment ${first?.id ?? '?'} holds its app${actions === '' ? '' : ` (${actions})`}` +
      `${others > 0 ? ` together with ${others} more` : ''}, for ${Math.round(waitedMs / 1000)} s so far.`,
    mend: 'It goes on by itself when that ends; whoever began it can cancel it in Marathon.',
  }
}
