/**
 * The double of Jenkins as Manor runs it: started by the very command that the distribution builds, with its hook, its agents started by the
 * distribution's command too, and reached through the router.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { LaunchPlan } from '../../src/controllers/distributions/distribution.ts'
import { jenkins } from '../../src/controllers/distributions/jenkins.ts'
import type { HookPolicy, InstanceSecrets, Program } from '../../src/controllers/index.ts'
import { HookServer } from '../support/hook-server.ts'
import { readyRoute, startRouter } from '../support/router.ts'
import { waitFor } from '../support/wait.ts'

const JAVA = join(import.meta.dirname, '../doubles/jenkins/java')
const PREFIX = '/team-a'
const PROGRAM: Program = {
  ...{ distribution: 'jenkins', version: '2.541.3', war: '/absent/jenkins.war', sha256: '' },
  ...{ java: JAVA, javaRelease: 17, extras: {} },
}
const SECRETS: InstanceSecrets = {
  masterKey: '5'.repeat(256),
  agentKey: '7'.repeat(64),
  adminPassword: 'password',
  apiToken: `11${'c'.repeat(32)}`,
  hookToken: 'hook-token',
}
const ADMIN = `Basic ${Buffer.from(`manor:${SECRETS.apiToken}`).toString('base64')}`

/** One home with what runs on it, ended and removed with the test. */
class World implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'manor-double-life-'))
  readonly home = join(this.directory, 'home')
  readonly manor: HookServer
  readonly port: number
  readonly #processes = new Set<ChildProcess>()
  #plans = 0

  private constructor(manor: HookServer, port: number) {
    this.manor = manor
    this.port = port
  }

  static async open(): Promise<World> {
    return new World(await HookServer.listen({ token: SECRETS.hookToken }), await freePort())
  }

  /** Starts the controller; resolves with its process once it has said hello. */
  async startController(): Promise<ChildProcess> {
    const hellos = this.manor.hellos.length
    for (const { path, content, encoding } of jenkins.homeFiles(SECRETS)) this.#write(join(this.home, path), content, encoding)
    const policy: HookPolicy = {
      ...{ controller: 'team-a', epoch: 3, url: this.manor.url, token: SECRETS.hookToken, distribution: 'jenkins', agents: 'websocket' },
      ...{ agentPort: -1, admin: { name: 'manor', password: SECRETS.adminPassword, apiToken: SECRETS.apiToken } },
    }
    this.#write(join(this.directory, 'policy.json'), JSON.stringify(policy))
    const child = this.#run(
      jenkins.controllerCommand({
        ...{ program: PROGRAM, home: this.home, hookRoot: '/absent/hook', policyFile: join(this.directory, 'policy.json') },
        ...{
          prefix: PREFIX,
          listenAddress: '127.0.0.1',
          httpPort: this.port,
          agentPort: -1,
          memoryMb: 512,
          temporaryDirectory: join(this.directory, 'tmp'),
        },
      }),
    )
    await this.manor.until('the hook to say hello', () => this.manor.hellos[hellos])
    return child
  }

  startAgent(name: string, port = this.port): ChildProcess {
    return this.#run(
      jenkins.agentCommand({
        ...{ program: PROGRAM, agentJar: '/absent/agent.jar', url: `http://127.0.0.1:${port}${PREFIX}/`, name },
        ...{ secret: jenkins.agentSecret(SECRETS, name), workDirectory: join(this.directory, 'agents', name), memoryMb: 64 },
      }),
    )
  }

  wantNode(...names: readonly string[]): void {
    this.manor.want({ nodes: names.map(name => ({ name, labels: 'linux', remoteDirectory: join(this.directory, 'agents', name) })) })
  }

  async ask(method: string, path: string, body?: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${PREFIX}${path}`, {
      method,
      redirect: 'manual',
      headers: { authorization: ADMIN, 'content-type': 'application/xml' },
      ...(body === undefined ? {} : { body }),
    })
  }

  async queueJob(name: string, command: string): Promise<void> {
    const xml = `<project><assignedNode>linux</assignedNode><canRoam>false</canRoam><builders><hudson.tasks.Shell><command>${command}</command></hudson.tasks.Shell></builders></project>`
    assert.equal((await this.ask('POST', `/createItem?name=${name}`, xml)).status, 200)
    assert.equal((await this.ask('POST', `/job/${name}/build?delay=0sec`)).status, 201)
  }

  #run({ command, environment, files }: LaunchPlan): ChildProcess {
    const directory = join(this.directory, `plan-${++this.#plans}`)
    const placed = (text: string): string => text.replaceAll('{dir}', directory)
    for (const { path, content, encoding } of files) this.#write(join(directory, path), content, encoding)
    const [program = '', ...words] = command.map(placed)
    // A group of its own, so that what its builds started ends with it.
    const child = spawn(program, words, {
      stdio: 'ignore',
      detached: true,
      env: { ...process.env, ...environment, MANOR_TEST_NODE: process.execPath },
    })
    this.#processes.add(child)
    return child
  }

  #write(path: string, content: string, encoding: 'base64' | 'utf8' = 'utf8'): void {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, Buffer.from(content, encoding))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes) {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
      killGroup(child)
      await ended
    }
    await this.manor[Symbol.asyncDispose]()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

const killGroup = ({ pid }: ChildProcess): void => {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (cause) {
    // Nothing of the group is left.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ESRCH')) throw cause
  }
}

const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await new Promise(done => probe.close(done))
  return port
}

test('one build by the commands of the distribution: demand, node, agent, build, node gone', async () => {
  await using world = await World.open()
  await world.startController()
  assert.deepEqual(
    world.manor.hellos.map(({ epoch, distribution, secured }) => [epoch, distribution, secured]),
    [[3, 'jenkins', true]],
  )
  await world.queueJob('hello', 'echo from $NODE_NAME')
  const demand = await world.manor.untilReport('the item', ({ items }) => items.length === 1)
  assert.equal(demand.items[0]?.label, 'linux')
  world.wantNode('a-1')
  world.startAgent('a-1')
  await world.manor.until('the build to end', () => world.manor.events.find(({ type }) => type === 'build-finished'))
  world.wantNode()
  await world.manor.untilReport('the node to be gone', ({ nodes, items }) => nodes.length === 0 && items.length === 0)
  assert.deepEqual(
    world.manor.events.map(({ type, node, result }) => [type, node, result]).filter(([type]) => type !== 'node-offline'),
    [
      ['node-online', 'a-1', undefined],
      ['build-started', 'a-1', undefined],
      ['build-finished', 'a-1', 'SUCCESS'],
    ],
  )
  assert.match(await (await world.ask('GET', '/job/hello/1/logText/progressiveText')).text(), /from a-1\r\nFinished: SUCCESS/)
  assert.deepEqual(world.manor.problems, [])
})

test('a node has one build: the next item waits for another node', async () => {
  await using world = await World.open()
  await world.startController()
  await world.queueJob('one', 'true')
  await world.queueJob('two', 'true')
  world.wantNode('a-1')
  world.startAgent('a-1')
  await world.manor.until('the first build to end', () => world.manor.events.find(({ type }) => type === 'build-finished'))
  const after = await world.manor.untilReport('the used node to be gone', ({ nodes }) => nodes.length === 0)
  assert.deepEqual(
    after.items.map(({ task }) => task),
    ['two'],
  )
})

test('SIGTERM loses a running freestyle build; its number is used up, the queue keeps its ids, nodes stay', async () => {
  await using world = await World.open()
  const first = await world.startController()
  await world.queueJob('long', 'sleep 60')
  world.wantNode('a-1')
  world.startAgent('a-1')
  await world.manor.until('the build to start', () => world.manor.events.find(({ type }) => type === 'build-started'))
  await world.queueJob('waiting', 'true')
  const before = await world.manor.untilReport('the waiting item', ({ items }) => items.some(({ task }) => task === 'waiting'))
  const exited = once(first, 'exit')
  first.kill('SIGTERM')
  assert.deepEqual(await exited, [143, null])

  await world.startController()
  const again = await world.manor.untilReport(
    'the second boot',
    ({ items, session }) => session === world.manor.hellos.at(-1)?.session && items.length === 1,
  )
  assert.deepEqual(again.items[0]?.id, before.items.find(({ task }) => task === 'waiting')?.id)
  assert.equal((await world.ask('GET', '/job/long/1/api/json')).status, 404)
  const { nextBuildNumber } = (await (await world.ask('GET', '/job/long/api/json')).json()) as { nextBuildNumber: number }
  assert.equal(nextBuildNumber, 2)
})

test('quiet-down lets a running build end, takes new ones into the queue and starts them afterwards', async () => {
  await using world = await World.open()
  await world.startController()
  const goOn = join(world.directory, 'go-on')
  await world.queueJob('long', `until test -e ${goOn}; do sleep 0.05; done`)
  world.wantNode('a-1')
  world.startAgent('a-1')
  await world.manor.until('the build to start', () => world.manor.events.find(({ type }) => type === 'build-started'))
  world.manor.want({ quiet: true, quietReason: 'It is to be stopped.' })
  await world.manor.untilReport('quieting', ({ quieting }) => quieting)
  await world.queueJob('later', 'true')
  const queued = await world.manor.untilReport('the new item', ({ items }) => items.length === 1)
  assert.equal(queued.items[0]?.why, 'Jenkins is about to shut down')
  writeFileSync(goOn, '')
  const ended = await world.manor.until('the build to end', () => world.manor.events.find(({ type }) => type === 'build-finished'))
  assert.equal(ended.result, 'SUCCESS')
  await world.manor.untilReport('nothing to run', ({ running }) => running === 0)
  world.manor.want({ quiet: false, nodes: [{ name: 'a-2', labels: 'linux', remoteDirectory: join(world.directory, 'agents/a-2') }] })
  world.startAgent('a-2')
  await world.manor.until('the new build to end', () =>
    world.manor.events.find(({ type, job }) => type === 'build-finished' && job === 'later'),
  )
})

test('an agent that is killed fails its build, and the reason is in the log', async () => {
  await using world = await World.open()
  await world.startController()
  await world.queueJob('long', 'sleep 60')
  world.wantNode('a-1')
  const agent = world.startAgent('a-1')
  await world.manor.until('the build to start', () => world.manor.events.find(({ type }) => type === 'build-started'))
  agent.kill('SIGKILL')
  const ended = await world.manor.until('the build to end', () => world.manor.events.find(({ type }) => type === 'build-finished'))
  assert.equal(ended.result, 'FAILURE')
  assert.match(await (await world.ask('GET', '/job/long/1/logText/progressiveText')).text(), /FATAL: command execution failed/)
})

test('through the router its own reverse-proxy check passes, its links are the router’s and agents connect', async () => {
  await using world = await World.open()
  await world.startController()
  await using started = await startRouter([readyRoute('team-a', world.port)])
  const root = `${started.url}${PREFIX}/`
  await waitFor(async () => (await fetch(`${root}login`)).status === 200, { what: 'the program to serve', withinMs: 10_000 })
  const headers = { authorization: ADMIN, referer: `${root}manage` }
  const check = await fetch(`${root}administrativeMonitor/hudson.diagnosis.ReverseProxySetupMonitor/test`, { headers, redirect: 'manual' })
  assert.match(check.headers.get('location') ?? '', new RegExp(`^${root}administrativeMonitor/.*http%3A%2F%2F`))
  assert.equal((await fetch(check.headers.get('location') ?? '', { headers })).status, 200)
  await world.queueJob('hello', 'true')
  const queued = await fetch(`${root}api/json?tree=jobs[url]`, { headers })
  assert.deepEqual(await queued.json(), {
    _class: 'hudson.model.Hudson',
    jobs: [{ _class: 'hudson.model.FreeStyleProject', url: `${root}job/hello/` }],
  })
  world.wantNode('a-1')
  world.startAgent('a-1', started.port)
  const ended = await world.manor.until('the build to end', () => world.manor.events.find(({ type }) => type === 'build-finished'))
  assert.equal(ended.result, 'SUCCESS')
})
