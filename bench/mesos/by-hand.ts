/**
 * The bare calls of Mesos, without any engine: REVIVE, ACCEPT with one LAUNCH, the first TASK_RUNNING, KILL. What an engine adds to that is what is
 * measured.
 */
import { performance } from 'node:perf_hooks'
import { taskInfo } from '../../src/engines/mesos/task-info.ts'
import type { TaskInfo } from '../../src/engines/mesos/wire.ts'
import { hostId, workloadId } from '../../src/model/index.ts'
import { type HandStream, openStream, post, type Raw } from '../../tests/support/mesos-client.ts'
import { taskOf } from './keeper.ts'
import type { Turn } from './turn.ts'

const ROLE = 'manor-bench/by-hand'
const WITHIN_MS = 60_000

type Offer = { readonly id: { readonly value: string }; readonly agent_id: { readonly value: string } }
type Status = { readonly state: string; readonly uuid?: string; readonly agent_id: object; readonly task_id: { readonly value: string } }

export class ByHand {
  readonly #url: string
  readonly #stream: HandStream
  readonly #framework: string
  readonly #listeners = new Set<(event: Raw) => void>()

  static async open(url: string): Promise<ByHand> {
    const framework = `by-hand-${process.pid}`
    const listeners = new Set<(event: Raw) => void>()
    const info = {
      user: 'root',
      name: 'by hand',
      id: { value: framework },
      roles: [ROLE],
      failover_timeout: 60,
      checkpoint: true,
      capabilities: ['MULTI_ROLE', 'PARTITION_AWARE', 'TASK_KILLING_STATE', 'RESERVATION_REFINEMENT'].map(type => ({ type })),
    }
    const subscribe = {
      type: 'SUBSCRIBE',
      framework_id: { value: framework },
      subscribe: { framework_info: info, suppressed_roles: [ROLE] },
    }
    const stream = await openStream(url, subscribe, event => {
      for (const listener of [...listeners]) listener(event)
    })
    if (stream.status !== 200) throw new Error(`SUBSCRIBE by hand was answered ${stream.status}.`)
    return new ByHand(url, stream, framework, listeners)
  }

  constructor(url: string, stream: HandStream, framework: string, listeners: Set<(event: Raw) => void>) {
    this.#url = url
    this.#stream = stream
    this.#framework = framework
    this.#listeners = listeners
  }

  /** Milliseconds until offers come again that were given back at once: the leader's round of allocations. */
  async rounds(count: number): Promise<readonly number[]> {
    const took: number[] = []
    let offers = await this.#revive()
    for (let at = 0; at < count; at++) {
      const again = this.#offers()
      const began = performance.now()
      await this.#call({ type: 'DECLINE', decline: { offer_ids: offers.map(({ id }) => id), filters: { refuse_seconds: 0 } } })
      offers = await again
      took.push(performance.now() - began)
    }
    await this.#suppress(offers)
    return took
  }

  async turn(name: string): Promise<Turn> {
    const began = performance.now()
    const [first, ...others] = await this.#revive()
    if (first === undefined) throw new TypeError('Offers came that were none.')
    const offered = performance.now()
    const running = this.#state(name, 'TASK_RUNNING')
    await this.#call({
      type: 'ACCEPT',
      accept: {
        offer_ids: [first.id],
        operations: [{ type: 'LAUNCH', launch: { task_infos: [task(name, first)] } }],
        filters: { refuse_seconds: 0 },
      },
    })
    const taken = performance.now()
    const status = await running
    const ran = performance.now()
    await this.#suppress(others)
    const ended = this.#state(name, 'TASK_KILLED')
    await this.#call({
      type: 'KILL',
      kill: { task_id: status.task_id, agent_id: status.agent_id, kill_policy: { grace_period: { nanoseconds: 0 } } },
    })
    await ended
    return { offerMs: offered - began, takenMs: taken - offered, runningMs: ran - offered, keptMs: 0 }
  }

  async close(): Promise<void> {
    await this.#call({ type: 'TEARDOWN' })
    this.#stream.close()
  }

  #offers(): Promise<readonly Offer[]> {
    return this.#next('an offer', event => event.type === 'OFFERS' && offersOf(event).length > 0).then(offersOf)
  }

  async #revive(): Promise<readonly Offer[]> {
    const coming = this.#offers()
    await this.#call({ type: 'REVIVE', revive: { roles: [ROLE] } })
    return coming
  }

  async #suppress(unused: readonly Offer[]): Promise<void> {
    await this.#call({ type: 'SUPPRESS', suppress: { roles: [ROLE] } })
    if (unused.length > 0)
      await this.#call({ type: 'DECLINE', decline: { offer_ids: unused.map(({ id }) => id), filters: { refuse_seconds: 1 } } })
  }

  /** The first status of a task that says so; each is acknowledged as it comes, since the next waits for that. */
  async #state(name: string, state: string): Promise<Status> {
    const event = await this.#next(state, candidate => {
      const status = statusOf(candidate)
      if (status?.task_id.value !== name) return false
      const { agent_id, task_id, uuid } = status
      if (uuid !== undefined) void this.#call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } }).catch(() => undefined)
      if (/FAILED|LOST|ERROR|DROPPED|GONE/.test(status.state)) throw new Error(`${name} by hand is ${status.state}.`)
      return status.state === state
    })
    return statusOf(event) as Status
  }

  #next(what: string, is: (event: Raw) => boolean): Promise<Raw> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => end(() => reject(new Error(`${what} did not come within ${WITHIN_MS} ms.`))), WITHIN_MS)
      const end = (settle: () => void): void => {
        clearTimeout(limit)
        this.#listeners.delete(listener)
        settle()
      }
      const listener = (event: Raw): void => {
        try {
          if (is(event)) end(() => resolve(event))
        } catch (cause) {
          end(() => reject(cause))
        }
      }
      this.#listeners.add(listener)
    })
  }

  async #call(call: Readonly<Record<string, unknown>>): Promise<void> {
    const { status, text } = await post(
      this.#url,
      '/api/v1/scheduler',
      { framework_id: { value: this.#framework }, ...call },
      { 'Content-Type': 'application/json', Accept: 'application/json', 'Mesos-Stream-Id': this.#stream.streamId },
    )
    if (status >= 300) throw new Error(`${String(call.type)} by hand was answered ${status}: ${text}`)
  }
}

const offersOf = (event: Raw): readonly Offer[] => (event.offers as { readonly offers?: readonly Offer[] } | undefined)?.offers ?? []

const statusOf = (event: Raw): Status | undefined =>
  event.type === 'UPDATE' ? (event.update as { readonly status: Status }).status : undefined

/** The very task that the engine would launch, with its script: what that costs on the machine is no matter of who launched it. */
const task = (name: string, { agent_id }: Offer): TaskInfo =>
  taskInfo(
    taskOf(workloadId(name)),
    {
      task: name,
      host: hostId(agent_id.value),
      ports: {},
      resources: [
        { name: 'cpus', value: 1 },
        { name: 'mem', value: 256 },
      ].map(({ name: resource, value }) => ({
        name: resource,
        type: 'SCALAR',
        scalar: { value },
        allocation_info: { role: ROLE },
      })),
    },
    {},
  )
