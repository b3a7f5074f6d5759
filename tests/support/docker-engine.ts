/** The Docker engine as the conformance suite wants it, over a real daemon with a proxy in between. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { EngineCapabilities, EngineHarness } from '../../src/engines/conformance/index.ts'
import { containerName } from '../../src/engines/docker/labels.ts'
import { createDockerEngine, type DockerEngine, type DockerEngineOptions } from '../../src/engines/index.ts'
import { hostId, type WorkloadId } from '../../src/model/index.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'
import { type Dockerd, type DockerdOptions, importTestImage, listenInside, startDockerd, TEST_IMAGE } from './docker.ts'
import { type DockerProxy, startDockerProxy } from './docker-proxy.ts'
import { inContainers, markedProcesses } from './marked-processes.ts'

export const dockerCapabilities: EngineCapabilities = {
  memoryLimit: true,
  cpuWeight: true,
  leftoversWithoutTrace: true,
  accountIsolation: true,
  hostLoss: true,
  watchGaps: true,
  hangs: true,
}

export type DockerHarness = EngineHarness & {
  readonly engine: DockerEngine
  readonly daemon: Dockerd
  readonly proxy: DockerProxy
  readonly warnings: readonly string[]
  /** An engine with other options over the same daemon. */
  open(options: Partial<DockerEngineOptions>): Promise<DockerEngine>
}

let harnesses = 0
const HOST = hostId('docker-1')

export const dockerHarness = async (options: Partial<DockerEngineOptions> = {}, dockerd: DockerdOptions = {}): Promise<DockerHarness> => {
  const daemon = await startDockerd(dockerd)
  await importTestImage(daemon)
  const proxy = await startDockerProxy(join(daemon.directory, 'proxy.sock'), daemon.socket)
  const owner = `test-${process.pid}-${++harnesses}`
  const engines: DockerEngine[] = []
  const warnings: string[] = []
  const open = async (more: Partial<DockerEngineOptions>): Promise<DockerEngine> => {
    const engine = await createDockerEngine({
      owner,
      daemons: [{ host: HOST, address: `unix://${proxy.socket}` }],
      clock: systemClock,
      random: systemRandom,
      pullPolicy: 'never',
      daemonTimeoutMs: 2_000,
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
  return {
    get engine() {
      return engine
    },
    daemon,
    proxy,
    warnings,
    open,
    owner,
    host: HOST,
    image: TEST_IMAGE,
    clock: systemClock,
    patienceMs: 30_000,
    restart: async () => {
      engine = await open({})
      return engine
    },
    engineOf: of => open({ owner: of }),
    shell: script => ['sh', '-c', script],
    leftovers: ids => leftoversOf(daemon, owner, ids),
    occupyPort: () => listenInside(daemon, 0),
    loseHost: async () => {
      process.kill(daemon.pid, 'SIGSTOP')
      return { restore: async () => void process.kill(daemon.pid, 'SIGCONT') }
    },
    cutWatch: async () => proxy.cutEvents(),
    hang: async () => {
      const restore = proxy.hang()
      return { restore: async () => restore() }
    },
    dispose: async () => {
      for (const each of engines) await each.close()
      await proxy.close()
      await new Promise<void>(resolve => keepAlive.close(() => resolve()))
      await daemon.dispose()
    },
  }
}

/** Processes of these workloads' containers, by control group, and whatever carries their mark. */
const leftoversOf = async ({ client }: Dockerd, owner: string, ids: readonly WorkloadId[]): Promise<string[]> => {
  const { signal } = new AbortController()
  const containers = await Promise.all(ids.map(id => client.inspectContainer(containerName(owner, id), signal)))
  const known = containers.flatMap(container => (container === undefined ? [] : [container.Id]))
  return markedProcesses(ids, inContainers(known))
}
