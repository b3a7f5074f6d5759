/** The process engine as the conformance suite wants it, on a directory and under an owner of its own. */
import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Capability, EngineCapabilities, EngineHarness } from '../../src/engines/conformance/index.ts'
import { createProcessEngine, type ProcessEngine, type ProcessEngineOptions } from '../../src/engines/index.ts'
import { hostId, type WorkloadId } from '../../src/model/index.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'

const FAR_SIDE = {
  hostLoss: { absent: 'Its only host is the machine that Manor itself runs on: neither is lost without the other.' },
  watchGaps: { absent: "Hints come from the kernel's own notices about one directory: there is no stream that could be cut." },
  hangs: { absent: 'Its far side is the kernel of the same machine: what hangs it, hangs Manor.' },
} as const

/** Without control groups and users. */
export const weakCapabilities: EngineCapabilities = {
  ...FAR_SIDE,
  memoryLimit: { absent: 'Control groups are off or cannot be written by this user.' },
  cpuWeight: { absent: 'Control groups are off or cannot be written by this user.' },
  leftoversWithoutTrace: { absent: 'Without control groups leftovers are known by their session and environment, and both can be left.' },
  accountIsolation: { absent: "All workloads run as Manor's own user." },
}

const permits = (check: () => unknown, absent: string): Capability => {
  try {
    check()
    return true
  } catch {
    return { absent }
  }
}

/** What a root Manor must be able to do on this machine, found out without the engine, so that a limit it loses is a failure. */
export const fullCapabilities = (): EngineCapabilities => {
  const memoryLimit = permits(() => {
    if (existsSync('/sys/fs/cgroup/cgroup.controllers')) {
      if (!readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').includes('memory')) throw new Error('no memory controller')
      accessSync('/sys/fs/cgroup/cgroup.subtree_control', constants.W_OK)
    } else accessSync('/sys/fs/cgroup/memory', constants.W_OK)
  }, 'This machine has no memory control group that can be written.')
  return {
    ...FAR_SIDE,
    memoryLimit,
    cpuWeight: memoryLimit,
    leftoversWithoutTrace: memoryLimit,
    accountIsolation: permits(
      () => execFileSync('unshare', ['--mount', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'none', '/tmp'], { stdio: 'ignore' }),
      'This machine does not permit mount namespaces.',
    ),
  }
}

let harnesses = 0

export const processHarness = async (
  options: Pick<ProcessEngineOptions, 'limits' | 'isolation'>,
  place?: string,
): Promise<EngineHarness & Pick<ProcessEngine, 'identityOf'> & { readonly directory: string }> => {
  const home = place ?? (await mkdtemp(join(tmpdir(), 'manor-engine-')))
  await mkdir(home, { recursive: true })
  await chmod(home, 0o755)
  const directory = join(home, 'engine')
  const owner = `test-${process.pid}-${++harnesses}`
  const engines: ProcessEngine[] = []
  const owners = new Set([owner])
  const open = async (of: string): Promise<ProcessEngine> => {
    owners.add(of)
    const host = hostId('test-host')
    const engine = await createProcessEngine({
      owner: of,
      directory,
      clock: systemClock,
      random: systemRandom,
      hostId: host,
      onWarning: () => undefined,
      ...options,
    })
    engines.push(engine)
    return engine
  }
  let engine = await open(owner)
  // The system clock's timers do not keep a program alive, and a test that waits for a condition must.
  const keepAlive = createServer()
  await new Promise<void>(resolve => keepAlive.listen(0, '127.0.0.1', resolve))
  return {
    get engine() {
      return engine
    },
    identityOf: account => engine.identityOf(account),
    directory,
    owner,
    host: hostId('test-host'),
    clock: systemClock,
    patienceMs: 20_000,
    restart: async () => {
      engine = await open(owner)
      return engine
    },
    engineOf: open,
    shell: script => ['sh', '-c', script],
    leftovers: async ids => leftoversOf(owner, ids),
    occupyPort: async () => {
      const server = createServer()
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      if (address === null || typeof address === 'string') throw new TypeError('A TCP server has a port.')
      return { port: address.port, release: () => new Promise(resolve => server.close(() => resolve())) }
    },
    dispose: async () => {
      await endAll(engine)
      for (const each of engines) await each.close()
      await new Promise<void>(resolve => keepAlive.close(() => resolve()))
      for (const each of owners) removeGroupsOf(each)
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** Ends and forgets all workloads of an engine. */
export const endAll = async (engine: ProcessEngine): Promise<void> => {
  const { signal } = new AbortController()
  for (const { id } of await engine.list(signal)) await engine.stop(id, 0, signal)
  for (;;) {
    const all = await engine.list(signal)
    for (const { id, state } of all) if (state === 'ended') await engine.remove(id, signal)
    if (all.every(({ state }) => state === 'ended')) return
    await systemClock.sleep(20)
  }
}

const leftoversOf = (owner: string, ids: readonly WorkloadId[]): string[] => {
  const marks = ids.map(id => `MANOR_WORKLOAD=${id}`)
  const inGroups = ids.flatMap(id => groupDirectories(owner).flatMap(group => readWords(join(group, id, 'cgroup.procs'))))
  const byEnvironment = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      const variables = read(`/proc/${pid}/environ`).split('\0')
      return marks.some(mark => variables.includes(mark)) || isOurZombie(pid)
    })
  return [...inGroups, ...byEnvironment].map(pid => `${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
}

const isOurZombie = (pid: string): boolean => {
  const stat = read(`/proc/${pid}/stat`)
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' && parent === String(process.pid)
}

const groupDirectories = (owner: string): string[] =>
  ['memory', 'cpu', 'pids', '.'].map(tree => join('/sys/fs/cgroup', tree, `manor-${owner}`)).filter(existsSync)

/** Groups are directories whose files cannot be deleted: they are removed from the leaves up. */
const removeGroupsOf = (owner: string): void => {
  for (const group of groupDirectories(owner)) {
    for (const child of readdirSync(group, { withFileTypes: true })) if (child.isDirectory()) rmdirSync(join(group, child.name))
    rmdirSync(group)
  }
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const readWords = (path: string): string[] => read(path).split('\n').filter(Boolean)
