import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { hudson } from '../../src/controllers/distributions/hudson.ts'
import { ClientError, type ControllerClient, createControllerClient, createProbe, freestyleJob } from '../../src/controllers/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { endChild, freePort, hudsonProgram, startHudson, startHudsonAgent, TEST_SECRETS, waitFor } from '../support/hudson.ts'

const NODE = 'n1'
/** What the real hook does to secure an instance, at its shortest. */
const hookScript = (agentPort: number): string => `
import hudson.model.*
import hudson.security.*
import hudson.security.csrf.DefaultCrumbIssuer
import hudson.slaves.*
def hudson = Hudson.instance
def port = Hudson.getDeclaredField('slaveAgentPort')
port.accessible = true
port.setInt(hudson, ${agentPort})
hudson.numExecutors = 0
def realm = new HudsonPrivateSecurityRealm(false)
hudson.securityRealm = realm
realm.createAccount('manor', '${TEST_SECRETS.adminPassword}')
def strategy = new GlobalMatrixAuthorizationStrategy()
strategy.add(Hudson.ADMINISTER, 'manor')
hudson.authorizationStrategy = strategy
hudson.crumbIssuer = new DefaultCrumbIssuer(true)
if (hudson.getNode('${NODE}') == null)
  hudson.addNode(new DumbSlave('${NODE}', '', new File(hudson.rootDir, 'node').path, '1', Node.Mode.EXCLUSIVE, 'linux', new JNLPLauncher(), RetentionStrategy.NOOP, []))
hudson.save()
`

const DEADLINE_MS = 60_000
const { signal } = new AbortController()

let directory = ''
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'manor-hudson-'))
})
after(() => rm(directory, { recursive: true, force: true }))

const clientOf = (httpPort: number, password = TEST_SECRETS.adminPassword): ControllerClient =>
  createControllerClient({
    endpoint: { host: '127.0.0.1', httpPort },
    prefix: '/team-a',
    capabilities: hudson.capabilities,
    user: 'manor',
    password,
    clock: systemClock,
  })

const online = (client: ControllerClient): Promise<true> =>
  waitFor('the agent to be online', DEADLINE_MS, async () =>
    (await client.script(`print hudson.model.Hudson.instance.getNode('${NODE}').toComputer().online`, signal)).startsWith('true'),
  )

const run = async (client: ControllerClient, job: string, number: number): Promise<string> => {
  await client.build(job, {}, signal)
  await waitFor(`build ${number} of ${job}`, DEADLINE_MS, () => client.buildInfo(job, number, signal))
  let log = ''
  for await (const text of client.followLog(job, number, signal)) log += text
  await waitFor(`the result of ${job}`, DEADLINE_MS, async () => !(await client.buildInfo(job, number, signal))?.building)
  return log
}

test('a real Hudson, secured, runs a job on a real agent, which outlives a restart of its controller', async t => {
  const { program, agentJar } = await hudsonProgram()
  const [httpPort, agentPort] = [await freePort(), await freePort()]
  const start = () => startHudson({ program, directory, hookScript: hookScript(agentPort), policy: {}, httpPort, agentPort })
  const first = await start()
  t.diagnostic(`serves after ${Math.round(first.bootMs)} ms, ${await residentMb(first.pid)} MB resident`)
  const client = clientOf(httpPort)
  const endpoint = { host: '127.0.0.1', httpPort }
  const agent = await startHudsonAgent({
    program,
    agentJar,
    url: first.url,
    name: NODE,
    workDirectory: join(directory, 'agent', 'work'),
    directory: join(directory, 'agent'),
    memoryMb: 256,
  })
  const startedAt = systemClock.monotonic()
  let second: Awaited<ReturnType<typeof start>> | undefined
  try {
    await t.test('its version is told by the probe', async () => {
      assert.deepEqual(await createProbe(systemClock)(endpoint, '/team-a', hudson.capabilities, signal), {
        kind: 'ready',
        version: '2.2.1',
      })
    })
    await t.test('nobody reads without a password, and agents find what they need', async () => {
      const status = async (path: string): Promise<number> => (await fetch(`${first.url}${path}`, { redirect: 'manual' })).status
      for (const path of ['', 'api/json', `computer/${NODE}/slave-agent.jnlp`, 'crumbIssuer/api/json'])
        assert.equal(await status(path), 403, path)
      for (const path of ['login', 'tcpSlaveAgentListener/', 'jnlpJars/slave.jar']) assert.equal(await status(path), 200, path)
      await assert.rejects(
        clientOf(httpPort, 'wrong').queue(signal),
        (cause: unknown) => cause instanceof ClientError && cause.code === 'unauthorized',
      )
    })
    await t.test('the secret is in no command line', async () => {
      for (const pid of [first.pid, agent.pid])
        assert.ok(!(await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(TEST_SECRETS.masterKey.slice(0, 32)))
    })
    await t.test('the agent connects with the secret that was put into the home', async () => {
      await online(client)
      t.diagnostic(
        `agent online after ${Math.round(systemClock.monotonic() - startedAt)} ms, ${await residentMb(agent.pid ?? 0)} MB resident`,
      )
    })
    await t.test('a freestyle job runs on it to SUCCESS, and its log comes whole', async () => {
      const xml = freestyleJob({ command: 'echo "<&> é 🏰"; sleep 1; echo on $NODE_NAME', label: 'linux' })
      assert.equal(await client.ensureJob('hello', xml, signal), true)
      assert.equal(await client.ensureJob('hello', xml, signal), false)
      const log = await run(client, 'hello', 1)
      assert.match(log, /^<&> é 🏰$/m)
      assert.match(log, /^on n1$/m)
      assert.match(log, /Finished: SUCCESS\n$/)
      const build = await client.lastBuild('hello', signal)
      assert.deepEqual([build?.number, build?.result, build?.node], [1, 'SUCCESS', NODE])
      assert.equal(await client.buildInfo('hello', 2, signal), undefined)
    })
    await t.test('a job that no node can take waits in the queue', async () => {
      await client.createJob('waits', freestyleJob({ command: 'true', label: 'nowhere' }), signal)
      await client.build('waits', {}, signal)
      const [item] = await waitFor('the queue', DEADLINE_MS, async () => {
        const items = await client.queue(signal)
        return items.length > 0 && items
      })
      assert.deepEqual([item?.job, item?.blocked], ['waits', false])
      await assert.rejects(
        client.createJob('waits', '<project/>', signal),
        (cause: unknown) => cause instanceof ClientError && cause.code === 'invalid',
      )
    })
    await t.test('after a restart the same agent comes back and the next build runs on it', async () => {
      const stopping = systemClock.monotonic()
      await first.stop()
      t.diagnostic(`stopped after ${Math.round(systemClock.monotonic() - stopping)} ms`)
      assert.deepEqual(await createProbe(systemClock)(endpoint, '/team-a', hudson.capabilities, signal), { kind: 'refused' })
      second = await start()
      const ready = systemClock.monotonic()
      await online(client)
      t.diagnostic(`agent back ${Math.round(systemClock.monotonic() - ready)} ms after the controller served again`)
      assert.equal(agent.exitCode, null)
      assert.match(await run(client, 'hello', 2), /Finished: SUCCESS\n$/)
    })
    await t.test('nothing that was unpacked is in the home', async () => {
      assert.ok(!(await readdir(first.home)).includes('war'))
    })
  } finally {
    await endChild(agent)
    await second?.stop()
    await first.stop()
  }
})

const residentMb = async (pid: number): Promise<number> =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
