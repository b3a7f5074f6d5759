import type { HostId, Milliseconds, Timestamp } from '../../model/index.ts'
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

  /** Does what is due now. */
  async step(nodes: readonly NodeSeen[], residents: readonly Resident[], signal: AbortSignal): Promise<void> {
    for (const node of nodes)
      if (drainStep(node, residents, this.#options.now()) === 'drain')
        await this.#options.client.changeNode(node.nodeId, spec => withAvailability(spec, 'drain', node.drainBy), signal)
  }

  async #set(host: HostId, availability: string, drainBy: () => Timestamp | undefined, signal: AbortSignal): Promise<void> {
    const nodes = await this.#options.nodes(signal)
    const node = nodes.find(each => each.host === host)
    if (node === undefined) throw invalid(`The Swarm has no host ${host}.`, `It has: ${nodes.map(each => each.host).join(', ')}.`)
    const by = drainBy()
    await this.#options.client.changeNode(node.nodeId, spec => withAvailability(spec, availability, by), signal)
  }
}
