/** A real ZooKeeper on this machine, in a private directory. `await using` takes it down. */
import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ZooKeeperSession } from '../../src/engines/mesos/zookeeper-session.ts'
import { OPERATION } from '../../src/engines/mesos/zookeeper-wire.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { freePort } from './mesos.ts'
import { waitFor } from './wait.ts'

/** Debian's jars; ZooKeeper's own has the others in its class path. */
const CLASS_PATH = '/etc/zookeeper/conf:/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar:/usr/share/java/*'
/** Of its clock; sessions are between two and twenty of them. */
const TICK_MS = 200

export type RunningZooKeeper = AsyncDisposable & {
  readonly port: number
  kill(): Promise<void>
  start(): Promise<void>
}

export const startZooKeeper = async (): Promise<RunningZooKeeper> => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-zookeeper-'))
  const port = await freePort()
  const config = join(directory, 'zoo.cfg')
  await writeFile(
    config,
    `tickTime=${TICK_MS}\ndataDir=${directory}/data\nclientPort=${port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n`,
  )
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    const output = openSync(join(directory, 'log'), 'a')
    const started = spawn(
      'java',
      [
        '-Xmx64m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-cp',
        CLASS_PATH,
        'org.apache.zookeeper.server.quorum.QuorumPeerMain',
        config,
      ],
      { stdio: ['ignore', output, output], cwd: directory },
    )
    child = started
    await waitFor(
      async () => {
        if (started.exitCode !== null) throw new Error(`It ended: ${(await readFile(join(directory, 'log'), 'utf8')).slice(-2_000)}`)
        return (await withSession(port, session => session.childrenAndWatch('/'))) !== undefined
      },
      { what: 'ZooKeeper answers', withinMs: 60_000, everyMs: 200 },
    )
  }
  const kill = async (): Promise<void> => {
    const ending = child
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
    const gone = new Promise(resolve => ending.once('exit', resolve))
    ending.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    port,
    kill,
    start,
    [Symbol.asyncDispose]: async () => {
      await kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

export const openSession = (port: number, auth?: string): ZooKeeperSession =>
  new ZooKeeperSession({
    host: '127.0.0.1',
    port,
    clock: systemClock,
    sessionMs: 2_000,
    ...(auth === undefined ? {} : { auth: { scheme: 'digest', credentials: auth } }),
    onWatch: () => undefined,
    onClosed: () => undefined,
  })

export const withSession = async <Value>(port: number, work: (session: ZooKeeperSession) => Promise<Value>): Promise<Value> => {
  const session = openSession(port)
  try {
    return await work(session)
  } finally {
    session.close()
  }
}

const EPHEMERAL = 1
const SEQUENTIAL = 2
const ALL_PERMISSIONS = 31
const DELETE = 2

/** Makes a node, by default readable for all; `creator` lets only who made it read it. Resolves to its path. */
export const createNode = async (
  session: ZooKeeperSession,
  path: string,
  data: string,
  kind: { readonly ephemeral?: boolean; readonly sequential?: boolean; readonly creator?: boolean } = {},
): Promise<string> => {
  const [scheme, id] = kind.creator ? ['auth', ''] : ['world', 'anyone']
  const flags = (kind.ephemeral ? EPHEMERAL : 0) | (kind.sequential ? SEQUENTIAL : 0)
  const reader = await session.request(OPERATION.create, writer =>
    writer
      .text(path)
      .text(data)
      .int(1)
      .int(ALL_PERMISSIONS)
      .text(scheme ?? '')
      .text(id ?? '')
      .int(flags),
  )
  return reader.text()
}

export const deleteNode = async (session: ZooKeeperSession, path: string): Promise<void> => {
  await session.request(DELETE, writer => writer.text(path).int(-1))
}
