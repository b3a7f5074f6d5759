import type { TenantId, WorkloadId } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { DaemonSilent, hasStatus } from '../docker/client/errors.ts'
import { LABEL, ownerLabel } from '../docker/labels.ts'
import { EngineError } from '../engine.ts'
import type { SwarmClient } from './client.ts'
import { networkName, SWARM_LABEL } from './names.ts'

/**
 * Workloads of one overlay. Its range has some 250 addresses unless the Swarm was made with a larger one, and where they run out, tasks stay
 * "new" for ever without a word (moby #38732). Each node with a task in it takes one as well.
 */
export const WORKLOADS_PER_OVERLAY = 200
/** Overlays of one tenant: ten thousand workloads and more. */
const MAX_SHARDS = 64
/** An overlay that nobody is in goes after this, so that the next build of its tenant need not make it again. */
export const IDLE_OVERLAY_MS = 10 * 60_000
/** Looks for an overlay that was just made, and how far they are apart. */
const MAX_LOOKS = 12
const LOOK_AGAIN_MS = 250
/** Of a range: its own, broadcast, gateway, and what is being given back. */
const SPARE_ADDRESSES = 8
const DEFAULT_SUBNET_BITS = 24
const LEAST_PER_OVERLAY = 16

/** How many workloads one overlay takes. */
export const capacityOf = (nodes: number, subnetBits = DEFAULT_SUBNET_BITS, most = WORKLOADS_PER_OVERLAY): number =>
  Math.max(LEAST_PER_OVERLAY, Math.min(most, 2 ** (32 - subnetBits) - SPARE_ADDRESSES - nodes))

export type Shard = {
  readonly id: string
  readonly number: number
  /** How many are in it, by those who must reach each other. */
  readonly members: ReadonlyMap<string, number>
}

export type Choice =
  | { readonly kind: 'take'; readonly id: string }
  | { readonly kind: 'make'; readonly number: number }
  /** Those that it must reach are in one that is full. */
  | { readonly kind: 'full'; readonly id: string }
  | { readonly kind: 'too-many' }

/** The share of an overlay that controllers leave to their own agents. */
const NEWCOMERS_SHARE = 0.5

/**
 * Which overlay a workload comes into: the one of those that it must reach, though it be crowded; else the first that is not half full, so that
 * agents of those who are there find room; else a new one. Pure.
 */
export const chooseShard = (shards: readonly Shard[], together: string, capacity: number): Choice => {
  const inOrder = shards.toSorted((a, b) => a.number - b.number)
  const theirs = inOrder.find(({ members }) => (members.get(together) ?? 0) > 0)
  if (theirs !== undefined) return { kind: sizeOf(theirs) < capacity ? 'take' : 'full', id: theirs.id }
  const roomy = inOrder.find(shard => sizeOf(shard) < capacity * NEWCOMERS_SHARE)
  if (roomy !== undefined) return { kind: 'take', id: roomy.id }
  const numbers = new Set(inOrder.map(({ number }) => number))
  for (let number = 1; number <= MAX_SHARDS; number++) if (!numbers.has(number)) return { kind: 'make', number }
  const any = inOrder.find(shard => sizeOf(shard) < capacity)
  return any === undefined ? { kind: 'too-many' } : { kind: 'take', id: any.id }
}

const sizeOf = ({ members }: Shard): number => [...members.values()].reduce((sum, count) => sum + count, 0)

export type Member = { readonly id: WorkloadId; readonly together: string; readonly networks: readonly string[] }

export type OverlaysOptions = {
  readonly client: SwarmClient
  readonly owner: string
  readonly clock: Clock
  readonly isEncrypted: boolean
  readonly isInternal: (tenant: TenantId) => boolean
  readonly capacity: () => number
}

/** The overlays of tenants: made when the first workload needs one, taken away when idle. */
export class Overlays {
  readonly #options: OverlaysOptions
  readonly #idleSince = new Map<string, number>()
  /** Those that were given an overlay and were not seen there yet. */
  readonly #reserved = new Map<WorkloadId, Member>()
  #members: readonly Member[] = []
  /** One choice at a time: the next one counts on it. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: OverlaysOptions) {
    this.#options = options
  }

  /** What a list saw. */
  take(members: readonly Member[]): void {
    this.#members = members
    for (const { id } of members) this.#reserved.delete(id)
  }

  release(id: WorkloadId): void {
    this.#reserved.delete(id)
  }

  /** The id of the overlay for this workload, made if there is none. Rejects with a retryable EngineError where there is no room. */
  ensure(id: WorkloadId, tenant: TenantId, together: string, signal: AbortSignal): Promise<string> {
    const turn = this.#turn.catch(() => undefined).then(() => this.#ensure(id, tenant, together, signal))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Takes away those that nobody has used for a while. Those in use stay whatever we think. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { client, owner, clock } = this.#options
    const now = clock.monotonic()
    const used = new Set([...this.#members, ...this.#reserved.values()].flatMap(({ networks }) => networks))
    const there = await client.networks(ownerLabel(owner), signal)
    for (const { Id } of there) {
      if (used.has(Id)) this.#idleSince.delete(Id)
      else if (!this.#idleSince.has(Id)) this.#idleSince.set(Id, now)
      else if (now - (this.#idleSince.get(Id) ?? now) >= IDLE_OVERLAY_MS && (await client.removeNetwork(Id, signal)))
        this.#idleSince.delete(Id)
    }
  }

  async #ensure(id: WorkloadId, tenant: TenantId, together: string, signal: AbortSignal): Promise<string> {
    const { capacity, clock } = this.#options
    // One that was made is found by the next look, whoever made it; a manager may be a moment behind.
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      if (looks > 1) await clock.sleep(LOOK_AGAIN_MS, signal)
      const choice = chooseShard(await this.#shards(tenant, signal), together, capacity())
      switch (choice.kind) {
        case 'take':
          this.#reserved.set(id, { id, together, networks: [choice.id] })
          this.#idleSince.delete(choice.id)
          return choice.id
        case 'full':
        case 'too-many':
          throw noRoom(together, capacity())
        case 'make':
          if (looks === 0) await this.#make(tenant, choice.number, signal)
      }
    }
    throw new DaemonSilent(`The overlay of ${tenant} was made and is not there.`)
  }

  async #shards(tenant: TenantId, signal: AbortSignal): Promise<Shard[]> {
    const { client, owner } = this.#options
    const there = await client.networks(ownerLabel(owner), signal)
    const all = [...this.#members, ...this.#reserved.values()]
    return there
      .filter(({ Labels }) => Labels?.[LABEL.network] === tenant)
      .map(({ Id, Labels }) => {
        const members = new Map<string, number>()
        for (const member of all) if (member.networks.includes(Id)) members.set(member.together, (members.get(member.together) ?? 0) + 1)
        return { id: Id, number: Number(Labels?.[SWARM_LABEL.shard] ?? 0), members }
      })
  }

  async #make(tenant: TenantId, shard: number, signal: AbortSignal): Promise<void> {
    const { client, owner, isEncrypted, isInternal } = this.#options
    const spec = {
      Name: networkName(owner, tenant, shard),
      CheckDuplicate: true,
      Driver: 'overlay',
      // Nobody's container can join it by its name.
      Attachable: false,
      Internal: isInternal(tenant),
      Options: isEncrypted ? { encrypted: 'true' } : {},
      Labels: { [LABEL.owner]: owner, [LABEL.network]: tenant, [SWARM_LABEL.shard]: String(shard) },
    }
    try {
      await client.createNetwork(spec, signal)
    } catch (cause) {
      // Somebody, perhaps an earlier try of ours, was first.
      if (!hasStatus(cause, 409)) throw cause
    }
  }
}

const noRoom = (together: string, capacity: number): EngineError =>
  new EngineError(
    {
      code: 'quota',
      message: `The overlay that ${together} is in has its ${capacity} workloads.`,
      mend: `It is tried again when one has ended.${capacity < WORKLOADS_PER_OVERLAY ? ' A Swarm made with --default-addr-pool-mask-length 22 has larger overlays.' : ''}`,
    },
    true,
  )
