/**
 * A real Docker daemon for tests, as root, in network and mount namespaces of its own: its bridges, firewall rules and mounts are not the
 * machine's, several can run side by side, and all of it is gone with the process that holds the namespaces.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, createReadStream, existsSync, openSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DockerClient } from '../../src/engines/docker/client/client.ts'
import { hasCode, systemClock } from '../../src/runtime/index.ts'
import { waitFor } from './wait.ts'

export type DockerdOptions = {
  /** Containers outlive a restart of the daemon. */
  readonly liveRestore?: boolean
  /** Further arguments. */
  readonly args?: readonly string[]
}

export type Dockerd = {
  readonly directory: string
  readonly socket: string
  /** Process whose namespaces are the daemon's: `nsenter --target PID --net`. */
  readonly holder: number
  readonly pid: number
  readonly client: DockerClient
  /** Ends the daemon: politely, or as a crash does. */
  down(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  up(): Promise<void>
  log(): Promise<string>
  dispose(): Promise<void>
}

const UP_WITHIN_MS = 60_000
let daemons = 0

/** Starts a daemon; it answers when this resolves. */
export const startDockerd = async (options: DockerdOptions = {}): Promise<Dockerd> => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-docker-'))
  const socket = join(directory, 'docker.sock')
  const cgroupParent = `/manor-test-${process.pid}-${++daemons}`
  const holder = spawn(
    'unshare',
    ['--net', '--mount', '--propagation', 'private', 'sh', '-c', 'ip link set lo up; echo ready; exec sleep infinity'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  await once(holder)
  const holderPid = holder.pid ?? 0
  const client = new DockerClient({ address: `unix://${socket}`, clock: systemClock })
  // A process of its own, as on any real host: a crash of the daemon leaves it and its containers alone.
  const containerd = await startContainerd(directory, holderPid)
  let daemon: ChildProcess | undefined
  const up = async (): Promise<void> => {
    await rm(join(directory, 'docker.pid'), { force: true })
    daemon = launch(directory, socket, holderPid, cgroupParent, options)
    await waitFor(() => client.ping(AbortSignal.timeout(2_000)).then(() => true), {
      what: 'the Docker daemon is up',
      withinMs: UP_WITHIN_MS,
      seen: () => tailOf(join(directory, 'dockerd.log')),
    })
  }
  await up()
  return {
    directory,
    socket,
    holder: holderPid,
    client,
    get pid() {
      return daemon?.pid ?? 0
    },
    up,
    down: signal => end(daemon, signal),
    log: () => readFile(join(directory, 'dockerd.log'), 'utf8'),
    dispose: async () => {
      await removeContainers(client)
      await client.close()
      await end(daemon, 'SIGTERM')
      await end(containerd, 'SIGTERM')
      await endAllIn(holderPid, cgroupParent)
      await end(holder, 'SIGKILL')
      await removeGroups(cgroupParent)
      await rm(directory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

const startContainerd = async (directory: string, holder: number): Promise<ChildProcess> => {
  const config = join(directory, 'containerd.toml')
  await writeFile(config, 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n')
  const log = openSync(join(directory, 'containerd.log'), 'a')
  const socket = join(directory, 'containerd.sock')
  const places = ['--config', config, '--root', join(directory, 'containerd'), '--state', join(directory, 'state'), '--address', socket]
  const child = spawn('nsenter', ['--target', String(holder), '--net', '--mount', 'containerd', ...places], { stdio: ['ignore', log, log] })
  closeSync(log)
  await waitFor(() => existsSync(socket), { what: 'containerd is up', seen: () => tailOf(join(directory, 'containerd.log')) })
  return child
}

const launch = (directory: string, socket: string, holder: number, cgroupParent: string, options: DockerdOptions): ChildProcess => {
  const log = openSync(join(directory, 'dockerd.log'), 'a')
  const args = [
    ...['--target', String(holder), '--net', '--mount', 'dockerd'],
    ...['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec'), '--pidfile', join(directory, 'docker.pid')],
    ...[
      '--containerd',
      join(directory, 'containerd.sock'),
      '-H',
      `unix://${socket}`,
      '--bridge',
      'none',
      '--cgroup-parent',
      cgroupParent,
      '--shutdown-timeout',
      '5',
    ],
    ...(options.liveRestore ? ['--live-restore'] : []),
    ...(options.args ?? []),
  ]
  const child = spawn('nsenter', args, { stdio: ['ignore', log, log] })
  closeSync(log)
  return child
}

const once = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.stdout?.once('data', () => resolve())
    child.once('error', reject)
    child.once('exit', code =>
      reject(new Error(`The namespaces could not be made: unshare ended with ${code}. The Docker tests need root.`)),
    )
  })

const end = async (child: ChildProcess | undefined, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  // One that was stopped would not hear it.
  child.kill('SIGCONT')
  child.kill(signal)
  await ended
}

const tailOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8').slice(-2_000) : '')

const removeContainers = async (client: DockerClient): Promise<void> => {
  const { signal } = new AbortController()
  for (const { Id } of await client.listContainers([], signal).catch(() => [])) await client.removeContainer(Id, true, signal)
}

/**
 * What is left of a daemon: containerd and its shims, which are in its namespaces, and containers, which are in its control groups. Looked for
 * until none is found, since one that is being ended may start another.
 */
const endAllIn = (holder: number, cgroupParent: string): Promise<boolean> => {
  const namespace = namespaceOf(String(holder))
  // Where the holder has gone already, its number may be anybody's: nothing of the machine's own is ever ended.
  const ours = namespace === namespaceOf('self') ? undefined : namespace
  const isOurs = (pid: string): boolean =>
    Number(pid) !== holder &&
    ((ours !== undefined && namespaceOf(pid) === ours) || textOf(`/proc/${pid}/cgroup`).includes(`${cgroupParent}/`))
  const look = (): boolean => {
    const left = readdirSync('/proc').filter(name => /^\d+$/.test(name) && isOurs(name))
    for (const pid of left) kill(Number(pid))
    return left.length === 0
  }
  return waitFor(look, { what: 'nothing is left of the Docker daemon' })
}

const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (cause) {
    // It ended by itself between the look and the kill.
    if (!hasCode(cause, 'ESRCH')) throw cause
  }
}

const namespaceOf = (pid: string): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`)
  } catch {
    return undefined
  }
}

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Groups are directories whose files cannot be deleted: they are removed from the leaves up, once what was in them has ended. */
const removeGroups = async (parent: string): Promise<void> => {
  const roots = ['.', ...readdirSync('/sys/fs/cgroup')].map(tree => join('/sys/fs/cgroup', tree, parent))
  await waitFor(
    () => {
      for (const root of roots) removeGroup(root)
      return !roots.some(existsSync)
    },
    { what: 'the control groups are gone', seen: () => roots.filter(existsSync) },
  )
}

const removeGroup = (path: string): void => {
  if (!existsSync(path)) return
  for (const child of readdirSync(path, { withFileTypes: true })) if (child.isDirectory()) removeGroup(join(path, child.name))
  try {
    rmdirSync(path)
  } catch (cause) {
    // A process that is just ending keeps its group for a moment.
    if (!hasCode(cause, 'EBUSY', 'ENOTEMPTY', 'ENOENT')) throw cause
  }
}

/** Name of the image that the tests run. */
export const TEST_IMAGE = 'manor-test:1'

/** A root file system of busybox and bash, some 6 MB, imported as an image. */
export const importTestImage = async (daemon: Dockerd, name = TEST_IMAGE): Promise<void> => {
  const root = join(daemon.directory, 'rootfs')
  if (!existsSync(root)) await makeRoot(root)
  const archive = join(daemon.directory, 'rootfs.tar')
  execFileSync('tar', ['-C', root, '-cf', archive, '.'])
  await importImage(daemon, archive, name)
}

/** Makes an image of a root file system in a tar. */
export const importImage = async ({ socket }: Dockerd, archive: string, name: string): Promise<void> => {
  const [repo = '', tag = 'latest'] = name.split(/:(?=[^:/]+$)/)
  await new Promise<void>((resolve, reject) => {
    const path = `/images/create?${new URLSearchParams({ fromSrc: '-', repo, tag })}`
    const asked = request({ socketPath: socket, method: 'POST', path, headers: { 'content-type': 'application/x-tar' } }, answer => {
      let said = ''
      answer.on('data', chunk => (said += chunk))
      answer.once('end', () =>
        answer.statusCode === 200 ? resolve() : reject(new Error(`The import was answered ${answer.statusCode}: ${said}`)),
      )
    })
    asked.once('error', reject)
    createReadStream(archive).pipe(asked)
  })
}

const makeRoot = async (root: string): Promise<void> => {
  const busybox = execFileSync('sh', ['-c', 'command -v busybox']).toString().trim()
  for (const path of ['bin', 'etc', 'tmp', 'home/manor']) await mkdir(join(root, path), { recursive: true })
  // The runtime gives a container's /tmp the mode that the image's has.
  await chmod(join(root, 'tmp'), 0o1777)
  await copyFile(busybox, join(root, 'bin/busybox'))
  const applets = execFileSync(busybox, ['--list']).toString().split('\n').filter(Boolean)
  for (const applet of applets) if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet))
  // A static program cannot look up names; this one can, and speaks TCP.
  const bash = execFileSync('sh', ['-c', 'command -v bash']).toString().trim()
  const libraries =
    execFileSync('ldd', [bash])
      .toString()
      .match(/\/\S+(?= \()/g) ?? []
  for (const file of libraries) {
    await mkdir(join(root, dirname(file)), { recursive: true })
    await copyFile(file, join(root, file))
  }
  await copyFile(bash, join(root, 'bin/bash'))
  await writeFile(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n')
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nmanor:x:1000:1000::/home/manor:/bin/sh\n')
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nmanor:x:1000:\n')
}

const listenerOn = (port: number): string =>
  `const s = require('node:net').createServer().listen(${port}, '0.0.0.0', () => console.log(s.address().port))`

/** Listens where the daemon is, on this port or on a free one for 0; the returned function ends that. */
export const listenInside = async (daemon: Dockerd, port: number): Promise<{ readonly port: number; release(): Promise<void> }> => {
  const child = insideOf(daemon, [process.execPath, '-e', listenerOn(port)])
  const told = await new Promise<number>((resolve, reject) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())))
    child.once('exit', code => reject(new Error(`The listener ended with ${code}.`)))
  })
  return {
    port: told,
    release: async () => {
      const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
      child.kill()
      await ended
    },
  }
}

/** Runs a program where the daemon is: the published ports of its containers are there. */
export const insideOf = ({ holder }: Dockerd, command: readonly string[]): ChildProcess =>
  spawn('nsenter', ['--target', String(holder), '--net', ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
