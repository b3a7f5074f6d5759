import { Type } from 'typebox'
import type { HostId } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { parse } from '../docker/client/answers.ts'
import type { DockerClient } from '../docker/client/client.ts'
import { DockerPreparations } from '../docker/preparations.ts'
import { EngineError } from '../engine.ts'
import { Node, type NodeInfo } from './answers.ts'
import { nodeInfoOf, type SwarmDaemonOptions } from './node-daemon.ts'
import { readNodes } from './nodes.ts'

export type SwarmPreparationsOptions = {
  readonly owner: string
  readonly daemons: readonly SwarmDaemonOptions[]
  readonly clock: Clock
}

/** An image that Manor itself brought to nodes. */
export type BroughtImage = {
  /** Its id, the same on all of these nodes. */
  readonly id: string
  /** Ids of the nodes that have it. */
  readonly nodes: ReadonlySet<string>
}

/** What the daemons said together. */
export type SwarmFound =
  | { readonly kind: 'silent' }
  /** Everybody answered, and is in no Swarm. */
  | { readonly kind: 'none' }
  /** Everybody answered, and none is a manager. */
  | { readonly kind: 'no-manager' }
  | {
      readonly kind: 'found'
      /** The node of this machine, and the address under which the other nodes know it. */
      readonly here?: { readonly nodeId: string; readonly address: string }
      /** Hosts whose daemons are not in the configuration or did not answer. */
      readonly unreached: readonly HostId[]
      readonly hosts: number
    }

type Answered = { readonly client: DockerClient; readonly place: NodeInfo['Swarm'] }

/**
 * What a Manor needs of a Swarm before it starts anything there: what Swarm it is, an address of its own that containers reach, and its images
 * on the nodes. A Swarm cannot be given images, only its daemons can, so those that Manor reaches get them, and it is known which nodes these are.
 */
export class SwarmPreparations implements AsyncDisposable {
  readonly #docker: DockerPreparations
  /** One entry for each image that was ever brought; there are two for each version in use. */
  readonly #brought = new Map<string, BroughtImage>()

  constructor({ owner, daemons, clock }: SwarmPreparationsOptions) {
    this.#docker = new DockerPreparations({ owner, clock, daemons })
  }

  /** Asks every daemon once. Rejects only with the signal's reason. */
  async find(signal: AbortSignal): Promise<SwarmFound> {
    const answered = await this.#places(signal)
    const isAll = answered.length === this.#docker.daemons
    const manager = answered.find(({ place }) => place.ControlAvailable)
    if (manager === undefined) {
      if (!isAll) return { kind: 'silent' }
      return { kind: answered.every(({ place }) => place.NodeID === '') ? 'none' : 'no-manager' }
    }
    const nodes = await nodesOf(manager.client, signal)
    if (nodes === undefined) return { kind: 'silent' }
    const reached = new Set(answered.map(({ place }) => place.NodeID))
    const here = answered.find(({ client, place }) => client.isLocal && place.NodeID !== '')?.place
    return {
      kind: 'found',
      ...(here === undefined ? {} : { here: { nodeId: here.NodeID, address: here.NodeAddr ?? '' } }),
      unreached: nodes.filter(({ nodeId }) => !reached.has(nodeId)).map(({ host }) => host),
      hosts: nodes.length,
    }
  }

  /** As for Docker: an address of this machine that containers of its own node reach. Undefined where no daemon is on this machine. */
  doorAddress(signal: AbortSignal): Promise<string | undefined> {
    return this.#docker.doorAddress(signal)
  }

  /** Whether every daemon that answers has an image of this name. */
  async has(reference: string, signal: AbortSignal): Promise<boolean> {
    const there = await this.#docker.has(reference, signal)
    if (there) await this.#remember(reference, signal)
    return there
  }

  /** Brings an archive to each daemon that answers and has no image of its name. */
  async load(archive: string, reference: string, signal: AbortSignal): Promise<void> {
    await this.#docker.load(archive, reference, signal)
    await this.#remember(reference, signal)
  }

  /** Undefined of an image that was not brought by Manor. */
  brought(reference: string): BroughtImage | undefined {
    return this.#brought.get(reference)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#docker[Symbol.asyncDispose]()
  }

  async #remember(reference: string, signal: AbortSignal): Promise<void> {
    const found = await this.#docker.heard(
      async client => [(await nodeInfoOf(client, signal)).Swarm.NodeID, await client.imageId(reference, signal)] as const,
      signal,
    )
    const nodes = new Map(found.flatMap(([nodeId, id]) => (id === undefined || nodeId === '' ? [] : [[nodeId, id] as const])))
    const [id, ...others] = new Set(nodes.values())
    if (others.length > 0) throw mixedStores(reference)
    if (id !== undefined) this.#brought.set(reference, { id, nodes: new Set(nodes.keys()) })
  }

  #places(signal: AbortSignal): Promise<readonly Answered[]> {
    return this.#docker.heard(async client => ({ client, place: (await nodeInfoOf(client, signal)).Swarm }), signal)
  }
}

/** Undefined where a manager cannot tell: it has lost the others. */
const nodesOf = async (client: DockerClient, signal: AbortSignal) => {
  try {
    return readNodes(parse(Type.Array(Node), (await client.call({ method: 'GET', path: '/nodes' }, signal)).text))
  } catch (cause) {
    if (signal.aborted) throw cause
    return undefined
  }
}

/** Daemons that keep images with containerd give them other ids than those that do not. */
const mixedStores = (reference: string): EngineError =>
  new EngineError(
    {
      code: 'invalid-spec',
      message: `Nodes of the Swarm give the image ${reference} different ids, so it cannot be named to all of them.`,
      mend: 'Let all daemons keep images in the same way, or put images into a registry and name them under engine.images.',
    },
    false,
  )
