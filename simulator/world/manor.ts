import type { AgentDirectories, HookService } from '../../src/agents/index.ts'
import { composePlane, type Plane, type PlanePorts } from '../../src/control-plane/compose.ts'
import { distributionOf, type Program } from '../../src/controllers/index.ts'
import type { Engine, OfferSource } from '../../src/engines/index.ts'
import type { Random } from '../../src/runtime/index.ts'
import { createSeal, type Durable, type FeedEntry, type Seal, Store } from '../../src/store/index.ts'
import { ProcessClock } from '../kernel/process-clock.ts'
import { Gate } from './gate.ts'
import { VERSION } from './hook-client.ts'
import type { World } from './world.ts'

const PROGRAM: Program = {
  distribution: 'jenkins',
  version: VERSION,
  war: '/programs/jenkins.war',
  sha256: '',
  java: '/java/bin/java',
  javaRelease: 21,
  extras: {},
}
const KEY = new Uint8Array(32)
const PORTS = [20_000, 39_999] as const
/** The command line sees to it that Manor is started again. */
export const SUPERVISOR_DELAY_MS = 2_000

/** One process of Manor: the real store and the real loops over the world's ports, all through one gate. */
export class Manor {
  readonly gate: Gate
  readonly clock: ProcessClock
  readonly store: Store
  readonly plane: Plane
  /** What hooks talk to. */
  readonly hook: HookService

  private constructor(world: World, gate: Gate, clock: ProcessClock, store: Store, number: number) {
    this.gate = gate
    this.clock = clock
    this.store = store
    const ports = portsOf(world, gate, clock, store, world.chance('manor', number))
    this.plane = composePlane(world.alterPorts?.(ports) ?? ports)
    this.hook = world.alterHook?.(hookOf(this.plane)) ?? this.plane.broker.hook
  }

  /** Resolves once its loops run; rejects where the engine cannot be asked, as the real one does, and is started again by whoever started it. */
  static async start(world: World, number: number, onFeed: (entries: readonly FeedEntry[]) => void): Promise<Manor> {
    const gate = new Gate(() => world.crossed(gate))
    world.opening(gate)
    const clock = new ProcessClock(world.kernel.clock, () => world.manorClockOffsetMs + (world.clockError?.() ?? 0))
    const store = await Store.open(guarded(world, gate, clock), clock)
    world.alterStore?.(store)
    store.feed.subscribe(entries => {
      if (gate.isOpen) onFeed(entries)
    })
    const manor = new Manor(world, gate, clock, store, number)
    await world.seed(store)
    await manor.plane.start()
    return manor
  }

  /** kill -9. */
  kill(): void {
    this.gate.close()
    this.clock.kill()
  }
}

/** With its methods as own ones, so that a mutation can put another in the place of one. */
const hookOf = ({ broker: { hook } }: Plane): HookService => ({
  hello: (...args) => hook.hello(...args),
  report: (...args) => hook.report(...args),
  wanted: (...args) => hook.wanted(...args),
  events: (...args) => hook.events(...args),
})

/** The world's disk behind a gate: a kill falls before the commit or after it, never into it, since the database has all of it or nothing. */
const guarded = (world: World, gate: Gate, clock: ProcessClock): Durable => {
  const { disk } = world
  return {
    load: () => gate.out(() => disk.load()),
    commit: (batch, isForced) =>
      gate.out(async () => {
        await clock.sleep(disk.nextCommitMs())
        return disk.commit(batch, isForced)
      }),
    events: query => gate.out(() => disk.events(query)),
    builds: query => gate.out(() => disk.builds(query)),
    pruneEvents: keep => gate.out(() => disk.pruneEvents(keep)),
    flush: () => {
      if (gate.isOpen) disk.flush()
    },
    close: async () => undefined,
  }
}

const behind = (gate: Gate, engine: Engine): Engine => ({
  ...engine,
  submit: (...args) => gate.out(() => engine.submit(...args)),
  stop: (...args) => gate.out(() => engine.stop(...args)),
  remove: (...args) => gate.out(() => engine.remove(...args)),
  list: (...args) => gate.out(() => engine.list(...args)),
  hosts: (...args) => gate.out(() => engine.hosts(...args)),
  explain: (...args) => gate.out(() => engine.explain(...args)),
  watch: signal => whileOpen(gate, engine.watch(signal)),
  ...(engine.offers === undefined ? {} : { offers: offersBehind(gate, engine.offers) }),
})

async function* whileOpen<T>(gate: Gate, hints: AsyncIterable<T>): AsyncIterable<T> {
  for await (const hint of hints) {
    if (!gate.isOpen) return
    yield hint
  }
}

const offersBehind = (gate: Gate, offers: OfferSource): OfferSource => ({
  follow: listener =>
    offers.follow({
      offered: list => {
        if (gate.isOpen) listener.offered(list)
      },
      gone: list => {
        if (gate.isOpen) listener.gone(list)
      },
    }),
  decline: (list, refuseMs) => {
    if (gate.isOpen) offers.decline(list, refuseMs)
  },
  assign: uses => {
    if (gate.isOpen) offers.assign(uses)
  },
  want: tenants => {
    if (gate.isOpen) offers.want(tenants)
  },
})

const directoriesOf = (world: World, gate: Gate): AgentDirectories => ({
  workDirectory: agent => `/agents/${agent}`,
  prepare: agent =>
    gate.out(() => {
      world.directories.add(agent)
      return { jarCache: '/jars' }
    }),
  remove: agent => gate.out(() => void world.directories.delete(agent)),
  list: () => gate.out(() => [...world.directories]),
  sweepJarCaches: () => gate.out(() => undefined),
})

/** What was opened once is not deciphered again: a fleet of thousands of launches spends a fortieth of its time on it, and learns nothing. */
const remembering = (seal: Seal): Seal => {
  const opened = new Map<string, string>()
  return {
    seal: (id, secret) => seal.seal(id, secret),
    open: (id, sealed) => {
      const known = opened.get(sealed) ?? seal.open(id, sealed)
      opened.set(sealed, known)
      return known
    },
  }
}

const portsOf = (world: World, gate: Gate, clock: ProcessClock, store: Store, random: Random): PlanePorts => ({
  store,
  clock,
  random,
  seal: remembering(createSeal(KEY, random)),
  engine: behind(gate, world.engine.connect(world.offers?.source)),
  programs: {
    provide: () => gate.out(() => ({ program: PROGRAM, why: 'It is the simulated one.' })),
    agentJar: async () => '/programs/agent.jar',
  },
  distribution: distributionOf,
  directories: directoriesOf(world, gate),
  homes: {
    prepare: id => gate.out(() => world.prepareHome(id)),
    retire: id => gate.out(() => world.retireHome(id)),
  },
  probe: (endpoint, _prefix, _capabilities, signal) => gate.out(() => world.probe(endpoint, signal)),
  owner: 'manor',
  manorUrl: () => 'http://manor',
  hook: { script: '', root: '/hook' },
  portRange: PORTS,
  onProgress: () => undefined,
  onError: (id, cause) => {
    if (gate.isOpen) world.manorError(id, cause)
  },
})
