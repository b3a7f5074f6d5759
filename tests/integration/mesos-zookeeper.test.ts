/** Finding the leader as Mesos' candidates have it in a real ZooKeeper, and a real Mesos found that way. */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:net'
import { after, before, test } from 'node:test'
import { readZooKeeperAddress, ZooKeeperDiscovery } from '../../src/engines/index.ts'
import { workloadId } from '../../src/model/index.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'
import { startMesos } from '../support/mesos.ts'
import { givenCluster, memoryState, openEngine, placing } from '../support/mesos-engine.ts'
import { mesosProblem } from '../support/mesos-parts.ts'
import { shellWorkload } from '../support/shell-workload.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait.ts'
import { createNode, deleteNode, openSession, type RunningZooKeeper, startZooKeeper } from '../support/zookeeper.ts'

let zookeeper: RunningZooKeeper | undefined
let keepAlive: Server | undefined
let paths = 0

before(async () => {
  zookeeper = await startZooKeeper()
  keepAlive = createServer()
  await new Promise<void>(resolve => keepAlive?.listen(0, '127.0.0.1', resolve))
})

after(async () => {
  await zookeeper?.[Symbol.asyncDispose]()
  await new Promise<void>(resolve => keepAlive?.close(() => resolve()))
})

const server = (): RunningZooKeeper => {
  assert.ok(zookeeper !== undefined)
  return zookeeper
}

/** What a candidate writes (fixture zookeeper.txt). */
const candidate = (port: number): string =>
  JSON.stringify({ address: { hostname: 'localhost', ip: '127.0.0.1', port }, hostname: 'localhost', ip: 16777343, port })

type Following = { readonly told: (string | undefined)[]; readonly warnings: string[]; end(): void }

const follow = (path: string, options: { readonly port?: number; readonly credentials?: string } = {}): Following => {
  const told: (string | undefined)[] = []
  const warnings: string[] = []
  const user = options.credentials === undefined ? '' : `${options.credentials}@`
  const discovery = new ZooKeeperDiscovery({
    address: readZooKeeperAddress(`zk://${user}127.0.0.1:${options.port ?? server().port}${path}`),
    clock: systemClock,
    random: systemRandom,
    sessionMs: 1_000,
    onWarning: message => warnings.push(message),
  })
  return { told, warnings, end: discovery.follow(origin => told.push(origin)) }
}

const until = ({ told, warnings }: Following, port: number | undefined): Promise<boolean> =>
  waitFor(() => told.at(-1) === (port === undefined ? undefined : `http://127.0.0.1:${port}`), {
    what: `${port ?? 'nobody'} leads`,
    withinMs: 20_000,
    seen: () => ({ told, warnings }),
  })

const newPath = (): string => `/mesos-${++paths}`

test('the candidate with the lowest number leads; when its session ends, the next one does', async () => {
  const path = newPath()
  const following = follow(path)
  const [one, two] = [openSession(server().port), openSession(server().port)]
  try {
    await until(following, undefined)
    await createNode(one, path, '')
    // Other nodes are none of the election's: replicated logs, older candidates, those that wrote no address.
    await createNode(one, `${path}/log_replicas`, '')
    await createNode(one, `${path}/json.info_`, candidate(5051), { ephemeral: true, sequential: true })
    await until(following, 5051)
    await createNode(two, `${path}/json.info_`, candidate(5052), { ephemeral: true, sequential: true })
    one.close()
    await until(following, 5052)
    two.close()
    await until(following, undefined)
  } finally {
    following.end()
    one.close()
    two.close()
  }
})

test('a candidate that vanishes between list and look, and one that wrote nothing of use, lead nobody astray', async () => {
  const path = newPath()
  const following = follow(path)
  const session = openSession(server().port)
  try {
    await createNode(session, path, '')
    for (let round = 0; round < 30; round++) {
      const node = await createNode(session, `${path}/json.info_`, candidate(5000 + round), { ephemeral: true, sequential: true })
      const next = createNode(session, `${path}/json.info_`, candidate(6000 + round), { ephemeral: true, sequential: true })
      await deleteNode(session, node)
      await until(following, 6000 + round)
      await deleteNode(session, await next)
    }
    await createNode(session, `${path}/json.info_`, 'no JSON', { ephemeral: true, sequential: true })
    await until(following, undefined)
  } finally {
    following.end()
    session.close()
  }
})

test('a session that expired is followed by a new one that sees what changed meanwhile', async () => {
  const path = newPath()
  await using proxy = await tcpProxy('127.0.0.1', server().port)
  const following = follow(path, { port: proxy.port })
  const session = openSession(server().port)
  try {
    await createNode(session, path, '')
    const first = await createNode(session, `${path}/json.info_`, candidate(5051), { ephemeral: true, sequential: true })
    await until(following, 5051)
    proxy.pause()
    // The session is over on both sides by then: nobody leads as far as is known.
    await until(following, undefined)
    await deleteNode(session, first)
    await createNode(session, `${path}/json.info_`, candidate(5052), { ephemeral: true, sequential: true })
    proxy.resume()
    await until(following, 5052)
    proxy.cut()
    await waitFor(() => following.warnings.length >= 2, { what: 'the cut is noticed' })
    await until(following, 5052)
  } finally {
    following.end()
    session.close()
  }
})

test('ZooKeeper itself is killed and started again', async () => {
  const path = newPath()
  const following = follow(path)
  const session = openSession(server().port)
  try {
    await createNode(session, path, '')
    await createNode(session, `${path}/json.info_`, candidate(5051), { sequential: true })
    await until(following, 5051)
    await server().kill()
    await until(following, undefined)
    await server().start()
    await until(following, 5051)
  } finally {
    following.end()
    session.close()
  }
})

test('nodes that only a user may read are read with the user of the address', async () => {
  const path = newPath()
  const session = openSession(server().port, 'manor:secret')
  const following = follow(path, { credentials: 'manor:secret' })
  const stranger = follow(path)
  try {
    await createNode(session, path, '', { creator: true })
    await createNode(session, `${path}/json.info_`, candidate(5051), { ephemeral: true, sequential: true, creator: true })
    await until(following, 5051)
    await waitFor(() => stranger.warnings.length > 0, { what: 'without a user it is told that it may not' })
    assert.equal(stranger.told.at(-1), undefined)
  } finally {
    following.end()
    stranger.end()
    session.close()
  }
})

test('a task runs on a real Mesos whose leader is found in ZooKeeper, after the leader that is named first was found dead', async context => {
  const problem = mesosProblem()
  if (problem !== undefined) {
    // Named in full, since only a Mesos of the tests' own can be entered into a ZooKeeper of the tests' own.
    assert.ok(givenCluster() !== undefined, problem)
    context.diagnostic(problem)
    return
  }
  await using mesos = await startMesos()
  const path = newPath()
  const session = openSession(server().port)
  await createNode(session, path, '')
  const dead = await createNode(session, `${path}/json.info_`, candidate(1), { ephemeral: true, sequential: true })
  const engine = await openEngine('http://127.0.0.1:1', 'zookeeper', memoryState(), {
    discovery: new ZooKeeperDiscovery({
      address: readZooKeeperAddress(`zk://127.0.0.1:${server().port}${path}`),
      clock: systemClock,
      random: systemRandom,
      onWarning: () => undefined,
    }),
  })
  try {
    await createNode(session, `${path}/json.info_`, candidate(mesos.leader.port), { ephemeral: true, sequential: true })
    await deleteNode(session, dead)
    const { signal } = new AbortController()
    const id = workloadId('by-zookeeper')
    await placing(engine, 15_000).submit(shellWorkload(id, 'zookeeper', 'true', { graceMs: 0 }), undefined, signal)
    await waitFor(async () => (await engine.list(signal)).some(one => one.id === id && one.exitCode === 0), { what: 'it ran' })
  } finally {
    await engine.close()
    session.close()
  }
})
