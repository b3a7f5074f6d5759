import type { TenantId } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import type { DockerClient } from './client/client.ts'
import { hasStatus } from './client/errors.ts'
import { LABEL, ownerLabel } from './labels.ts'
import { type AddressPool, bridgeName, piecesOf, placeOf, subnetOf } from './subnets.ts'

export type NetworksOptions = {
  readonly client: DockerClient
  readonly owner: string
  readonly pool: AddressPool
  readonly clock: Clock
  /** Tenants without a way out: their networks are internal, and reach neither the world nor the host's other networks. */
  readonly isInternal: (tenant: TenantId) => boolean
}

/** Pieces to try for one network: others' networks lie in between, rarely more than a few in a row. */
const MAX_TRIES = 64
/** A network that nobody is connected to goes after this, so that the next build of its tenant need not make it again. */
export const IDLE_NETWORK_MS = 10 * 60_000

/** One bridge network per tenant, made when its first workload comes and taken away when it was idle for a while. */
export class Networks {
  readonly #options: NetworksOptions
  readonly #known = new Set<string>()
  readonly #making = new Map<string, Promise<void>>()
  /** Since when a network was seen with nobody of ours on it. */
  readonly #idleSince = new Map<string, number>()

  constructor(options: NetworksOptions) {
    this.#options = options
  }

  nameOf(tenant: string): string {
    return `manor.${this.#options.owner}.${tenant}`
  }

  /** Makes the tenant's network if it is not there; resolves to its name. */
  async ensure(tenant: TenantId, signal: AbortSignal): Promise<string> {
    const name = this.nameOf(tenant)
    this.#idleSince.delete(name)
    if (this.#known.has(name)) return name
    const making = this.#making.get(name) ?? this.#make(name, tenant, signal).finally(() => this.#making.delete(name))
    this.#making.set(name, making)
    await making
    this.#known.add(name)
    return name
  }

  /** What was known is not believed any more: the daemon said that a network is gone, or was away. */
  forget(): void {
    this.#known.clear()
  }

  /** Takes away those that no tenant of these has used for a while. Those with something connected stay whatever we think. */
  async sweep(inUse: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { client, owner, clock } = this.#options
    const now = clock.monotonic()
    for (const { Name: name } of await client.listNetworks([ownerLabel(owner)], signal)) {
      if ([...inUse].some(tenant => this.nameOf(tenant) === name) || this.#making.has(name)) this.#idleSince.delete(name)
      else if (!this.#idleSince.has(name)) this.#idleSince.set(name, now)
      else if (now - (this.#idleSince.get(name) ?? now) >= IDLE_NETWORK_MS) {
        this.#known.delete(name)
        if (await client.removeNetwork(name, signal)) this.#idleSince.delete(name)
      }
    }
  }

  async #make(name: string, tenant: TenantId, signal: AbortSignal): Promise<void> {
    const { client, owner, pool, isInternal } = this.#options
    const there = await client.listNetworks([ownerLabel(owner), `${LABEL.network}=${tenant}`], signal)
    if (there.length > 0) return
    const first = placeOf(name)
    for (let tries = 0; tries < Math.min(MAX_TRIES, piecesOf(pool)); tries++) {
      const subnet = subnetOf(pool, first + tries)
      try {
        await client.createNetwork(networkSpec({ name, owner, tenant, subnet, internal: isInternal(tenant) }), signal)
        return
      } catch (cause) {
        // Somebody, perhaps an earlier try of ours, was first.
        if (hasStatus(cause, 409)) return
        if (!/overlap/i.test(String(cause))) throw cause
      }
    }
    throw new EngineError(
      {
        code: 'quota',
        message: `No free range of addresses was found for the network of ${tenant} in ${pool.base}/${pool.prefix}.`,
        mend: 'Give the Docker engine another pool of addresses, or remove networks that nobody uses: docker network prune.',
      },
      true,
    )
  }
}

type NetworkInput = {
  readonly name: string
  readonly owner: string
  readonly tenant: string
  readonly subnet: string
  readonly internal: boolean
}

const networkSpec = ({ name, owner, tenant, subnet, internal }: NetworkInput): Record<string, unknown> => ({
  Name: name,
  CheckDuplicate: true,
  Driver: 'bridge',
  Internal: internal,
  Attachable: false,
  EnableIPv6: false,
  IPAM: { Driver: 'default', Config: [{ Subnet: subnet }] },
  Options: {
    'com.docker.network.bridge.name': bridgeName(owner, name),
    'com.docker.network.bridge.enable_icc': 'true',
    'com.docker.network.bridge.enable_ip_masquerade': String(!internal),
  },
  Labels: { [LABEL.owner]: owner, [LABEL.network]: tenant },
})
