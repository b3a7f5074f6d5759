import type { Host, HostId, Milliseconds, Timestamp } from '../../model/index.ts'
import { parse } from '../docker/client/answers.ts'
import { invalid } from '../process/prepare.ts'
import { NodeSpec, type WholeSpec } from './answers.ts'
import type { SwarmClient } from './client.ts'
import { NODE_LABEL } from './names.ts'
import type { NodeSeen } from './nodes.ts'

/** One workload on a node, as far as a drain needs to know. */
export type Resident = { readonly kind: 'controller' | 'agent'; readonly nodeId: string }

/**
 * What a drain under way does next with a node: it waits for builds until its deadline, then hands the node over to the Swarm, which ends what is
 * left there. Manor starts controllers elsewhere under a new epoch, and their homes are free by then: the Swarm stops first. Pure.
 */
export const drainStep = (node: NodeSeen, residents: readonly Resident[], now: Timestamp): 'none' | 'wait' | 'drain' => {
  if (node.drainBy === undefined || node.availability !== 'pause') return 'none'
  const builds = residents.some(({ kind, nodeId }) => kind === 'agent' && nodeId === node.nodeId)
  return builds && now < node.drainBy ? 'wait' : 'drain'
}

/** A node's spec with another availability, and its deadline set or taken away. Undefined where nothing changes. */
export const withAvailability = (spec: WholeSpec, availability: string, drainBy: Timestamp | undefined): WholeSpec | undefined => {
  const { Availability, Labels } = parse(NodeSpec, JSON.stringify(spec))
  const { [NODE_LABEL.drainBy]: before, ...others } = Labels ?? {}
  const after = drainBy === undefined ? undefined : String(drainBy)
  if (Availability === availability && before === after) return undefined
  return { ...spec, Availability: availability, Labels: { ...others, ...(after === undefined ? {} : { [NODE_LABEL.drainBy]: after }) } }
}

/** A node's spec with what it is for in its labels, and its other labels as they are. Undefined where nothing changes. */
export const withPurpose = (spec: WholeSpec, { role, reservedFor }: Pick<Host, 'role' | 'reservedFor'>): WholeSpec | undefined => {
  const { Labels } = parse(NodeSpec, JSON.stringify(spec))
  const { [NODE_LABEL.role]: roleBefore = 'any', [NODE_LABEL.reservedFor]: reservedBefore = '', ...others } = Labels ?? {}
  if (roleBefore === role && reservedBefore === (reservedFor ?? '')) return undefined
  const labels = {
    ...others,
    ...(role === 'any' ? {} : { [NODE_LABEL.role]: role }),
    ...(reservedFor === undefined ? {} : { [NODE_LABEL.reservedFor]: reservedFor }),
  }
  return { ...spec, Labels: labels }
}

export type DrainsOptions = {
  readonly client: SwarmClient
  readonly now: () => Timestamp
  readonly nodes: (signal: AbortSignal) => Promise<readonly NodeSeen[]>
}

/** Takes nodes out of service and back. That a node is being drained is a label on it, so whichever Manor comes next goes on. */
export class Drains {
  readonly #options: DrainsOptions

  constructor(options: DrainsOptions) {
    this.#options = options
  }

  /** Nothing new comes to it; what runs there goes on. */
  cordon(host: HostId, signal: AbortSignal): Promise<void> {
    return this.#set(host, 'pause', () => undefined, signal)
  }

  uncordon(host: HostId, signal: AbortSignal): Promise<void> {
    return this.#set(host, 'active', () => undefined, signal)
  }

  /** Nothing new comes to it; builds have so long to end; then everything else goes. A second one moves the deadline. */
  drain(host: HostId, withinMs: Milliseconds, signal: AbortSignal): Promise<void> {
    return this.#set(host, 'pause', () => this.#options.now() + withinMs, signal)
  }

  /** What a node is for is its labels: services are kept off by constraints on them, and those that are there and must not be are ended. */
  assign(host: HostId, purpose: Pick<Host, 'role' | 'reservedFor'>, signal: AbortSignal): Promise<void> {
    return this.#change(host, spec => withPurpose(spec, purpose), signal)
  }

  /** Does what is due now. */
  async step(nodes: readonly NodeSeen[], residents: readonly Resident[], signal: AbortSignal): Promise<void> {
    for (const node of nodes)
      if (drainStep(node, residents, this.#options.now()) === 'drain')
        await this.#options.client.changeNode(node.nodeId, spec => withAvailability(spec, 'drain', node.drainBy), signal)
  }

  async #set(host: HostId, availability: string, drainBy: () => Timestamp | undefined, signal: AbortSignal): Promise<void> {
    const by = drainBy()
    await this.#change(host, spec => withAvailability(spec, availability, by), signal)
  }

  async #change(host: HostId, change: (spec: WholeSpec) => WholeSpec | undefined, signal: AbortSignal): Promise<void> {
    const nodes = await this.#options.nodes(signal)
    const node = nodes.find(each => each.host === host)
    if (node === undefined) throw invalid(`The Swarm has no host ${host}.`, `It has: ${nodes.map(each => each.host).join(', ')}.`)
    await this.#options.client.changeNode(node.nodeId, change, signal)
  }
}
