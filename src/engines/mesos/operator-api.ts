import type { WorkloadLabels } from '../../model/index.ts'
import type { ListedAgent } from './agents.ts'
import { type MesosHttp, MesosHttpError } from './http.ts'
import { capacityOf } from './resources.ts'
import type { FoundTask } from './task-book.ts'
import { LABELS } from './task-info.ts'
import type { Labels, Resource, Value } from './wire.ts'

type ListedTask = {
  readonly task_id: Value
  readonly framework_id: Value
  readonly agent_id: Value
  readonly labels?: Labels
  readonly resources?: readonly Resource[]
  readonly container?: { readonly type?: string }
}

/** The leader's operator API, as far as a framework needs it. What is not permitted there is done without. */
export class OperatorApi {
  readonly #http: MesosHttp

  constructor(http: MesosHttp) {
    this.#http = http
  }

  /** Resolves if the leader answers at all. It needs no permission and costs it nothing. */
  async alive(origin: string, signal: AbortSignal): Promise<void> {
    const { status } = await this.#http.get(origin, '/health', signal)
    if (status >= 500) throw new MesosHttpError(status, `${origin} answered ${status} when asked for its health.`)
  }

  async agents(origin: string, signal: AbortSignal): Promise<readonly ListedAgent[]> {
    const answer = await this.#ask<{ get_agents: { agents?: readonly ListedAgent[] } }>(origin, 'GET_AGENTS', signal)
    return answer.get_agents.agents ?? []
  }

  /** All tasks of a framework that may be alive, with the labels that updates do not carry. Costs an answer about all tasks there are. */
  async tasks(origin: string, framework: string, signal: AbortSignal): Promise<ReadonlyMap<string, FoundTask>> {
    const { get_tasks } = await this.#ask<{ get_tasks: Readonly<Record<string, readonly ListedTask[] | undefined>> }>(
      origin,
      'GET_TASKS',
      signal,
    )
    const found = new Map<string, FoundTask>()
    for (const name of ['pending_tasks', 'tasks', 'unreachable_tasks', 'orphan_tasks'])
      for (const task of get_tasks[name] ?? []) if (task.framework_id.value === framework) found.set(task.task_id.value, foundTask(task))
    return found
  }

  async #ask<Result>(origin: string, type: string, signal: AbortSignal): Promise<Result> {
    const { status, body } = await this.#http.post(origin, '/api/v1', { type }, {}, signal)
    if (status !== 200) throw new MesosHttpError(status, `${origin} answered ${type} with ${status}: ${body.slice(0, 300)}`)
    return JSON.parse(body) as Result
  }
}

const foundTask = (task: ListedTask): FoundTask => {
  const labels = new Map((task.labels?.labels ?? []).map(({ key, value }) => [key, value ?? '']))
  return {
    labels: labelsOf(labels),
    agent: task.agent_id.value,
    ports: portsOf(labels.get(LABELS.ports)),
    containerizer: task.container?.type === 'DOCKER' ? 'docker' : 'mesos',
    memoryMb: capacityOf(task.resources ?? []).memoryMb,
  }
}

const labelsOf = (labels: ReadonlyMap<string, string>): WorkloadLabels | undefined => {
  const owner = labels.get(LABELS.owner)
  const kind = labels.get(LABELS.kind)
  const noun = labels.get(LABELS.noun)
  const epoch = Number(labels.get(LABELS.epoch))
  if (owner === undefined || noun === undefined || (kind !== 'agent' && kind !== 'controller') || !Number.isInteger(epoch)) return undefined
  return { owner, kind, noun, epoch }
}

const portsOf = (text: string | undefined): Record<string, number> => {
  const ports: Record<string, number> = {}
  try {
    const all: unknown = JSON.parse(text ?? '{}')
    if (typeof all === 'object' && all !== null)
      for (const [name, port] of Object.entries(all)) if (typeof port === 'number') ports[name] = port
  } catch {
    // Not a label of ours: it has no ports.
  }
  return ports
}
