/** The Swarm engine as the conformance suite wants it, over a real Swarm of several daemons with a proxy before each. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { EngineCapabilities, EngineHarness } from '../../src/engines/conformance/index.ts'
import { LABEL } from '../../src/engines/docker/labels.ts'
import { createSwarmEngine, type SwarmEngine, type SwarmEngineOptions } from '../../src/engines/index.ts'
import type { WorkloadId } from '../../src/model/index.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'
import { type Dockerd, listenInside, TEST_IMAGE } from './docker.ts'
import { type DockerProxy, startDockerProxy } from './docker-proxy.ts'
import { inContainers, markedProcesses } from './marked-processes.ts'
import { type RealSwarm, type SwarmNode, type SwarmOptions, startSwarm } from './swarm.ts'

export const swarmCapabilities: EngineCapabilities = {
  memoryLimit: true,
  cpuWeight: { absent: 'A Swarm keeps the cores that a workload asks for free when it places it, and has no shares of them afterwards.' },
  leftoversWithoutTrace: true,
  accountIsolation: true,
  hostLoss: true,
  watchGaps: true,
  hangs: true,
}

export type SwarmHarness = EngineHarness & {
  readonly engine: SwarmEngine
  readonly swarm: RealSwarm
  readonly proxies: readonly DockerProxy[]
  readonly warnings: readonly string[]
  /** An engine with other options over the same Swarm. */
  open(options: Partial<SwarmEngineOptions>): Promise<SwarmEngine>
}

let harnesses = 0

export const swarmHarness = async (shape: SwarmOptions, options: Partial<SwarmEngineOptions> = {}): Promise<SwarmHarness> => {
  const swarm = await startSwarm(shape)
  const proxies = await Promise.all(swarm.nodes.map(({ directory, socket }) => startDockerProxy(join(directory, 'proxy.sock'), socket)))
  const owner = `test-${process.pid}-${++harnesses}`
  const engines: SwarmEngine[] = []
  const warnings: string[] = []
  const open = async (more: Partial<SwarmEngineOptions>): Promise<SwarmEngine> => {
    const engine = await createSwarmEngine({
      owner,
      daemons: proxies.map(({ socket }) => ({ address: `unix://${socket}` })),
      clock: systemClock,
      random: systemRandom,
      daemonTimeoutMs: 2_000,
      lookEveryMs: 500,
      onWarning: sentence => warnings.push(sentence),
      ...options,
      ...more,
    })
    engines.push(engine)
    return engine
  }
  let engine = await open({})
  // The system clock's timers do not keep a program alive, and a test that waits for a condition must.
  const keepAlive = createServer()
  await new Promise<void>(resolve => keepAlive.listen(0, '127.0.0.1', resolve))
  const each = async (act: (node: SwarmNode) => unknown): Promise<void> => {
    await Promise.all(swarm.nodes.map(act))
  }
  return {
    get engine() {
      return engine
    },
    swarm,
    proxies,
    warnings,
    open,
    owner,
    host: undefined,
    image: TEST_IMAGE,
    clock: systemClock,
    patienceMs: 30_000,
    restart: async () => {
      engine = await open({})
      return engine
    },
    engineOf: of => open({ owner: of }),
    shell: script => ['sh', '-c', script],
    leftovers: ids => leftoversOf(swarm.nodes, ids),
    occupyPort: () => occupyPort(swarm.nodes),
    loseHost: async () => {
      await each(({ pid }) => process.kill(pid, 'SIGSTOP'))
      return { restore: () => each(({ pid }) => process.kill(pid, 'SIGCONT')) }
    },
    cutWatch: async () => {
      for (const proxy of proxies) proxy.cutEvents()
    },
    hang: async () => {
      const restores = proxies.map(proxy => proxy.hang())
      return {
        restore: async () => {
          for (const restore of restores) restore()
        },
      }
    },
    dispose: async () => {
      for (const opened of engines) await opened.close()
      for (const proxy of proxies) await proxy.close()
      await new Promise<void>(resolve => keepAlive.close(() => resolve()))
      await swarm.dispose()
    },
  }
}

/** Processes of these workloads' containers, by control group, and whatever carries their mark. */
const leftoversOf = async (nodes: readonly Dockerd[], ids: readonly WorkloadId[]): Promise<string[]> => {
  const { signal } = new AbortController()
  const labels = ids.map(id => `${LABEL.workload}=${id}`)
  const known = (await Promise.all(nodes.flatMap(({ client }) => labels.map(label => client.listContainers([label], signal))))).flatMap(
    containers => containers.map(({ Id }) => Id),
  )
  return markedProcesses(ids, inContainers(known))
}

/** Listens on the same port of every node: whichever is chosen, it is taken there. */
const occupyPort = async (nodes: readonly Dockerd[]): Promise<{ readonly port: number; release(): Promise<void> }> => {
  let port = 0
  const listeners: Awaited<ReturnType<typeof listenInside>>[] = []
  for (const node of nodes) {
    const listener = await listenInside(node, port)
    listeners.push(listener)
    port = listener.port
  }
  return {
    port,
    release: async () => {
      for (const listener of listeners) await listener.release()
    },
  }
}
