import { type KnownStart, REFUSED_STATUS, StartDesk, type StartRecords } from '../../src/engines/index.ts'
import type { Workload, WorkloadId } from '../../src/model/index.ts'
import type { World } from './world.ts'

/**
 * What stands between a home and the tasks that an engine such as Marathon starts for it: the control plane's own desk
 * (src/engines/marathon/start.ts), over records that outlive every Manor as its directory does. A task that asks is let in or is not.
 */
export class StartDoor {
  readonly #world: World
  readonly #known = new Map<WorkloadId, KnownStart>()
  readonly #desk: StartDesk
  /** Set by a mutation: nobody is kept out. */
  letsEverybodyIn = false

  constructor(world: World) {
    this.#world = world
    this.#desk = new StartDesk({
      records: this.#records(),
      clock: world.kernel.clock,
      onSecond: () => undefined,
      onChange: () => undefined,
    })
  }

  submitted(workload: Workload): void {
    const record = { workload, token: TOKEN, app: workload.labels.noun, createdAt: this.#world.now }
    this.#known.set(workload.id, { accepted: true, record })
  }

  stopAsked(id: WorkloadId, graceMs: number): void {
    this.#learn(id, { stop: { at: this.#world.now, graceMs } })
  }

  ended(id: WorkloadId, status: number): void {
    this.#learn(id, { exit: { status, at: this.#world.now } })
  }

  forgotten(id: WorkloadId): void {
    this.#known.delete(id)
  }

  /** Undefined where the task is let in, and why it is not where it is not. */
  refusal({ id, ports }: Workload, task: string, host: string): string | undefined {
    if (this.letsEverybodyIn) return undefined
    const url = new URL(`http://manor/start/v1/${id}`)
    for (const [name, value] of Object.entries({ token: TOKEN, task, host, dir: '/sandbox', ports: Object.values(ports).join(',') }))
      url.searchParams.set(name, value)
    const { body } = this.#desk.answer(url)
    return body.endsWith(`exit ${REFUSED_STATUS}\n`) ? (/not started: (.*)'/.exec(body)?.[1] ?? body) : undefined
  }

  #records(): StartRecords {
    return {
      all: () => this.#known,
      of: id => this.#known.get(id) ?? { accepted: false },
      claim: (id, claim) => {
        const held = this.#known.get(id)?.claim
        if (held === undefined) this.#learn(id, { claim })
        return held ?? claim
      },
      exit: (id, exit) => this.#learn(id, { exit }),
    }
  }

  #learn(id: WorkloadId, more: Partial<KnownStart>): void {
    const known = this.#known.get(id)
    if (known !== undefined) this.#known.set(id, { ...more, ...known })
  }
}

/** Nobody guesses in this world. */
const TOKEN = 'token'
