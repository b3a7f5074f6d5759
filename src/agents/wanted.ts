import { type Agent, type AgentId, agentId, type Controller, type ControllerId } from '../model/index.ts'
import type { Clock } from '../runtime/index.ts'
import type { Store } from '../store/index.ts'
import type { AgentDirectories } from './ports.ts'
import type { Wanted, WantedNode } from './protocol.ts'

/** Phases in which an agent's node must be there. One that is ending is left out, which asks the hook to remove it once it is idle. */
const WITH_NODE: ReadonlySet<Agent['phase']> = new Set<Agent['phase']>(['launching', 'online', 'busy'])

type Known = {
  readonly text: string
  /** The rows that it was made of: the same ones make the same. */
  controller: Controller | undefined
  agents: readonly Agent[]
  readonly wanted: Wanted
  /** Revision at which an agent's node came in, and at which it went out again. */
  readonly included: Map<AgentId, number>
  readonly leftOut: Map<AgentId, number>
}

/**
 * What Manor wants of each controller, with a revision that moves forward whenever it changes. A pure function of the rows but for the
 * revision, which begins at the time of day, so that it moves forward over a restart of Manor too without being kept.
 *
 * It is asked at every look at a controller and every change of an agent, and mostly nothing has changed: then it costs two look-ups.
 */
export class WantedBook {
  readonly #store: Store
  readonly #clock: Clock
  readonly #directories: AgentDirectories
  readonly #known = new Map<ControllerId, Known>()

  constructor(store: Store, clock: Clock, directories: AgentDirectories) {
    this.#store = store
    this.#clock = clock
    this.#directories = directories
  }

  /** What is wanted by the rows as they are now. */
  current(id: ControllerId): Wanted {
    const controller = this.#store.get('controller', id)
    const agents = this.#store.by('liveAgentsOfController', id)
    const known = this.#known.get(id)
    if (known !== undefined && known.controller === controller && known.agents === agents) return known.wanted
    if (known !== undefined && isSameWish(known, controller, agents)) return restOn(known, controller, agents)
    const content = this.#content(controller, agents)
    const text = JSON.stringify(content)
    if (known?.text === text) return restOn(known, controller, agents)
    const revision = Math.max(this.#clock.now(), (known?.wanted.revision ?? 0) + 1)
    const wanted: Wanted = { revision, ...content }
    const names = new Set(content.nodes.map(({ name }) => agentId(name)))
    const included = new Map([...names].map(name => [name, known?.included.get(name) ?? revision]))
    const leftOut = new Map<AgentId, number>()
    for (const agent of agents)
      if (agent.phase === 'ending' && !names.has(agent.id)) leftOut.set(agent.id, known?.leftOut.get(agent.id) ?? revision)
    // An agent that ends keeps the revision at which its node came in: the hook's word about it is still of use.
    for (const name of leftOut.keys()) included.set(name, known?.included.get(name) ?? revision)
    this.#known.set(id, { text, controller, agents, wanted, included, leftOut })
    return wanted
  }

  /** Whether the hook that has carried out `applied` had made the agent's node by then; as of the last call of `current`. */
  hasIncluded(agent: Agent, applied: number): boolean {
    return this.#reached(agent, applied, 'included')
  }

  /** Whether the hook that has carried out `applied` knew by then that the agent's node is not wanted any more. */
  hasLeftOut(agent: Agent, applied: number): boolean {
    return this.#reached(agent, applied, 'leftOut')
  }

  forget(id: ControllerId): void {
    this.#known.delete(id)
  }

  #reached({ id, controller }: Agent, applied: number, which: 'included' | 'leftOut'): boolean {
    const known = this.#known.get(controller)
    const since = known?.[which].get(id)
    // A number of an earlier Manor whose clock ran ahead says nothing.
    return known !== undefined && since !== undefined && applied >= since && applied <= known.wanted.revision
  }

  #content(controller: Controller | undefined, agents: readonly Agent[]): Omit<Wanted, 'revision'> {
    const nodes = agents
      .filter(({ phase }) => WITH_NODE.has(phase))
      .map(agent => this.#node(agent))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    const quiet = isQuiet(controller)
    return { quiet, ...(quiet ? { quietReason: 'Manor is about to stop this controller.' } : {}), nodes }
  }

  #node({ id, label, takesUnlabelled }: Agent): WantedNode {
    return { name: id, labels: label, remoteDirectory: this.#directories.workDirectory(id), exclusive: takesUnlabelled !== true }
  }
}

/** Other rows that make the same. */
const restOn = (known: Known, controller: Controller | undefined, agents: readonly Agent[]): Wanted => {
  known.controller = controller
  known.agents = agents
  return known.wanted
}

/** Whether rows that have changed want the same all the same: most of an agent's changes are none of its controller's. */
const isSameWish = (known: Known, controller: Controller | undefined, agents: readonly Agent[]): boolean =>
  known.agents.length === agents.length &&
  isQuiet(known.controller) === isQuiet(controller) &&
  agents.every((agent, i) => agent === known.agents[i] || isSameNode(known.agents[i], agent))

const isSameNode = (a: Agent | undefined, b: Agent): boolean =>
  a?.id === b.id && a.label === b.label && a.takesUnlabelled === b.takesUnlabelled && WITH_NODE.has(a.phase) === WITH_NODE.has(b.phase)

const isQuiet = (controller: Controller | undefined): boolean => controller?.phase === 'quieting' || controller?.phase === 'stopping'
