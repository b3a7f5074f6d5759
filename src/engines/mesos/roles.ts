import type { TenantId } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import type { Call, FrameworkInfo } from './wire.ts'

/** A call that failed while the stream stands is tried again after so long. */
const AGAIN_MS = 1_000

export type RolesOptions = {
  readonly clock: Clock
  readonly roleOf: (tenant: TenantId) => string
  readonly describe: (roles: readonly string[]) => FrameworkInfo
  readonly ask: (call: Call) => Promise<unknown>
  /** Roles cannot be changed over this stream: a new one is needed. */
  readonly resubscribe: (why: string) => void
}

/**
 * Which roles the framework has and which of them want offers, and the calls that bring Mesos there: SUPPRESS when nothing of a tenant waits,
 * REVIVE exactly once when something does (which also ends all refusals, those of an earlier instance too), and before it UPDATE_FRAMEWORK for
 * a tenant's first time. One call at a time, since their order counts.
 */
export class Roles {
  readonly #options: RolesOptions
  /** All that were ever wanted. A role without offers costs nothing, and tasks of one that was left out run on. */
  readonly #all = new Set<string>()
  #wanted: ReadonlySet<string> = new Set()
  /** What Mesos was told. */
  #subscribed: ReadonlySet<string> = new Set()
  #active: ReadonlySet<string> = new Set()
  #stands = false
  #telling = false
  #cancelAgain: () => void = () => undefined
  readonly counts = { revives: 0, suppresses: 0, updates: 0 }

  constructor(options: RolesOptions) {
    this.#options = options
  }

  want(tenants: ReadonlySet<TenantId>): void {
    this.#wanted = new Set([...tenants].map(this.#options.roleOf))
    for (const role of this.#wanted) this.#all.add(role)
    void this.#tell()
  }

  /** For a new subscription: no role wants offers until it is revived, since only that also ends what was refused before. */
  describe(): { readonly info: FrameworkInfo; readonly suppressed: readonly string[] } {
    const roles = [...this.#all].toSorted()
    return { info: this.#options.describe(roles), suppressed: roles }
  }

  /** The description that this subscription was made with. */
  subscribed(roles: readonly string[]): void {
    this.#subscribed = new Set(roles)
    this.#active = new Set()
    this.#stands = true
    void this.#tell()
  }

  disconnected(): void {
    this.#stands = false
    this.#cancelAgain()
  }

  async #tell(): Promise<void> {
    if (this.#telling) return
    this.#telling = true
    try {
      while (this.#stands) {
        const call = this.#next()
        if (call === undefined) return
        await this.#options.ask(call)
        if (call.type === 'UPDATE_FRAMEWORK') this.#subscribed = new Set(call.update_framework.framework_info.roles)
        else if (call.type === 'REVIVE') this.#active = new Set([...this.#active, ...call.revive.roles])
        else if (call.type === 'SUPPRESS') this.#active = new Set([...this.#active].filter(role => !call.suppress.roles.includes(role)))
        this.#count(call)
      }
    } catch (cause) {
      // Mesos before 1.9 has no such call, and others may not permit it: a new subscription says the same.
      if (isRefusedUpdate(cause)) this.#options.resubscribe('It has a new role.')
      else this.#cancelAgain = this.#options.clock.after(AGAIN_MS, () => void this.#tell())
    } finally {
      this.#telling = false
    }
  }

  #next(): Call | undefined {
    if ([...this.#wanted].some(role => !this.#subscribed.has(role))) {
      const { info, suppressed } = this.describe()
      const still = suppressed.filter(role => !this.#active.has(role))
      return { type: 'UPDATE_FRAMEWORK', update_framework: { framework_info: info, suppressed_roles: still } }
    }
    const revived = [...this.#wanted].filter(role => !this.#active.has(role))
    if (revived.length > 0) return { type: 'REVIVE', revive: { roles: revived } }
    const suppressed = [...this.#active].filter(role => !this.#wanted.has(role))
    if (suppressed.length > 0) return { type: 'SUPPRESS', suppress: { roles: suppressed } }
    return undefined
  }

  #count(call: Call): void {
    if (call.type === 'REVIVE') this.counts.revives++
    else if (call.type === 'SUPPRESS') this.counts.suppresses++
    else this.counts.updates++
  }
}

const isRefusedUpdate = (cause: unknown): boolean =>
  cause instanceof Error &&
  /UPDATE_FRAMEWORK/.test(cause.message) &&
  'status' in cause &&
  typeof cause.status === 'number' &&
  cause.status >= 400
