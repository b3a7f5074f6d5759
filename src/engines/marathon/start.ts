import { timingSafeEqual } from 'node:crypto'
import type { Workload, WorkloadId } from '../../model/index.ts'
import { workloadId } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import type { Records } from './records.ts'
import { refusalScript, startScript } from './start-script.ts'

/**
 * The other end of the bootstrap: what a task fetches, and who may.
 *
 * The first task that asks with a workload's token is let in; from then on every other task of that workload is refused, whatever Marathon
 * thinks. A workload is one epoch of its noun, and a token is good for that epoch alone: so of two tasks that Marathon runs for one app, only
 * one ever opens the home, whichever of our other guards was too late.
 */
export type StartAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A second process for a workload that has one: what was kept from starting or ended, what it would have stood beside, and how it came to be. */
export type SecondTask = {
  readonly workload: WorkloadId
  /** Whom the workload is for. */
  readonly noun: string
  readonly task: string
  readonly holder: string | undefined
  readonly why: string
}

/** As much of the records as the desk needs. */
export type StartRecords = Pick<Records, 'of' | 'all' | 'claim' | 'exit'>

export type StartDeskOptions = {
  readonly records: StartRecords
  readonly clock: Clock
  /** A task was not let in because of another one; not told of one that comes after the end, which Marathon starts for every end. */
  readonly onSecond: (second: SecondTask) => void
  /** A workload was let in or has ended: a look at it is due. */
  readonly onChange: () => void
}

/** A task's id is Marathon's; anything longer is none. */
const MAX_TASK_ID = 512
const TASK_ID = /^[A-Za-z0-9][A-Za-z0-9._-]*$/
const SANDBOX = /^\/[^'"\n\0]{0,2047}$/

const answer = (status: number, body: string): StartAnswer => ({
  status,
  headers: { 'content-type': 'text/x-shellscript; charset=utf-8', 'cache-control': 'no-store' },
  body,
})
const refused = (why: string): StartAnswer => answer(200, refusalScript(why))

export class StartDesk {
  readonly #options: StartDeskOptions
  constructor(options: StartDeskOptions) {
    this.#options = options
  }

  /**
   * Answers one request. The workload's id is the last word of the path; whatever stands before it is the server's business. A decision is a
   * script with status 200, a refusal too, since a task cannot tell one error status from another; any other status means "ask again".
   */
  answer(url: URL): StartAnswer {
    const id = workloadId(decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf('/') + 1)))
    const query = url.searchParams
    const { record } = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(id) ? this.#options.records.of(id) : {}
    if (record === undefined || !sameText(query.get('token') ?? '', record.token)) return refused('its token is not known here')
    const task = query.get('task') ?? ''
    if (task.length > MAX_TASK_ID || !TASK_ID.test(task)) return refused('it did not say which task it is')
    const ended = query.get('ended')
    return ended === null ? this.#start(record.workload, task, query) : this.#ended(id, task, Number(ended))
  }

  #start(workload: Workload, task: string, query: URLSearchParams): StartAnswer {
    const { records, clock } = this.#options
    const known = records.of(workload.id)
    const over = this.#over(workload)
    if (over !== undefined) return refused(over)
    const held = this.#held(workload, task)
    if (held !== undefined) return this.#second(workload, task, held)
    const sandbox = query.get('dir') ?? ''
    if (!SANDBOX.test(sandbox)) return refused('it did not say where its sandbox is')
    const names = Object.keys(workload.ports)
    const given = (query.get('ports') ?? '').split(',').filter(Boolean).map(Number)
    const ports = Object.fromEntries(names.map((name, at) => [name, given[at] ?? 0]))
    if (Object.values(ports).some(port => !Number.isInteger(port) || port < 1 || port > 65_535))
      return refused(`it has ${given.length} ports and needs ${names.length}`)
    const host = query.get('host') ?? ''
    const claim = known.claim ?? records.claim(workload.id, { task, at: clock.now(), ports, ...(host === '' ? {} : { host }) })
    if (claim.task !== task) return this.#second(workload, task, heldBy(claim.task))
    this.#options.onChange()
    return answer(200, startScript(workload, { sandbox, ports }, task))
  }

  /** Why nobody is let in any more, though nothing is wrong. */
  #over({ id }: Workload): string | undefined {
    const { stop, end, exit } = this.#options.records.of(id)
    if (end !== undefined || exit !== undefined) return `${id} has ended`
    return stop === undefined ? undefined : `${id} was stopped`
  }

  /** Who or what the home belongs to, where that is not this task. */
  #held({ id, labels: { noun, epoch } }: Workload, task: string): string | undefined {
    const { records } = this.#options
    const { claim } = records.of(id)
    if (claim !== undefined && claim.task !== task) return heldBy(claim.task)
    for (const { record } of records.all().values())
      if (record !== undefined && record.workload.labels.noun === noun && record.workload.labels.epoch > epoch)
        return `epoch ${record.workload.labels.epoch} of ${noun} has begun, and this is ${epoch}`
    return undefined
  }

  #second({ id, labels: { noun } }: Workload, task: string, why: string): StartAnswer {
    const holder = this.#options.records.of(id).claim?.task
    this.#options.onSecond({ workload: id, noun, task, holder, why })
    return refused(why)
  }

  /** How the command ended, told by the shell that started it; believed of the task that was let in, once. */
  #ended(id: WorkloadId, task: string, status: number): StartAnswer {
    const { records, clock } = this.#options
    if (records.of(id).claim?.task === task && Number.isInteger(status) && status >= 0 && status <= 255) {
      records.exit(id, { status, at: clock.now() })
      this.#options.onChange()
    }
    return answer(200, '')
  }
}

const heldBy = (task: string): string => `its place is held by ${task}: a volume has one writer`

const sameText = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
