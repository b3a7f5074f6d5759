/** What a container cannot reach and cannot do, tried from inside of containers on a real daemon. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { containerName } from '../../src/engines/docker/labels.ts'
import { bridgePrefix } from '../../src/engines/docker/subnets.ts'
import { type DockerEngine, EngineError } from '../../src/engines/index.ts'
import { hostId, tenantId, type Workload, type WorkloadId } from '../../src/model/index.ts'
import { insideOf } from '../support/docker.ts'
import { type DockerBench, dockerBench } from '../support/docker-bench.ts'
import { type DockerHarness, dockerHarness } from '../support/docker-engine.ts'
import { waitFor } from '../support/wait.ts'

const never = new AbortController().signal
const METADATA = '169.254.169.254'
const SERVE = 'mkdir -p {dir}/www; echo of-red >{dir}/www/index.html; echo started; exec httpd -f -p {port:http} -h {dir}/www'

let harness: DockerHarness
let bench: DockerBench
let guarded: DockerEngine
let listeners: ChildProcess[]

/** Serves "reached" where the daemon's host is: on all of its addresses, the metadata address among them. */
const serveOnHost = async (port: number): Promise<ChildProcess> => {
  const script = `require('node:http').createServer((q, a) => a.end('reached')).listen(${port}, '0.0.0.0', () => console.log('up'))`
  const child = insideOf(harness.daemon, [process.execPath, '-e', script])
  await new Promise(resolve => child.stdout?.once('data', resolve))
  return child
}

before(async () => {
  harness = await dockerHarness()
  bench = dockerBench(harness)
  execFileSync('nsenter', ['--target', String(harness.daemon.holder), '--net', 'ip', 'addr', 'add', `${METADATA}/32`, 'dev', 'lo'])
  listeners = [await serveOnHost(80), await serveOnHost(7_070), await serveOnHost(2_222)]
  const run = ['nsenter', '--target', String(harness.daemon.holder), '--net']
  guarded = await harness.open({
    daemons: [{ host: hostId('docker-1'), address: `unix://${harness.proxy.socket}`, firewall: { run, hostPorts: [7_070] } }],
    isInternal: tenant => tenant === 'sealed',
  })
})
after(async () => {
  for (const child of listeners) child.kill()
  await harness.dispose()
})

/** What a script says in a container, to its end. */
const outcome = async (engine: DockerEngine, script: string, extra: Partial<Workload> = {}): Promise<string> => {
  const workload = bench.workload(`${script}; echo tried`, extra)
  await engine.submit(workload, hostId('docker-1'), never)
  return bench.said(workload.id, 'tried')
}

const addressOf = async (id: WorkloadId): Promise<string> => {
  const found = await harness.daemon.client.inspectContainer(containerName(harness.owner, id), never)
  const [network] = Object.values(found?.NetworkSettings.Networks ?? {})
  assert.ok(network?.IPAddress)
  return network.IPAddress
}

/** The host as a container sees it: its gateway. */
const GATEWAY = '$(ip route | sed -n "s/^default via \\([0-9.]*\\).*/\\1/p")'
const get = (url: string): string => {
  const [, host, port = '80', path] = /^http:\/\/(\$\(.*\)|[^/:]+)(?::(\d+))?(\/.*)$/.exec(url) ?? []
  return `timeout 3 bash -c 'exec 3<>/dev/tcp/$0/${port} && printf "GET ${path} HTTP/1.0\\r\\n\\r\\n" >&3 && cat <&3' "${host}"`
}

test("a container finds its own tenant's by name, and another tenant's by no way", async () => {
  const red = bench.workload(SERVE, {
    ports: { http: 0 },
    labels: { owner: harness.owner, kind: 'controller', noun: 'team-red', epoch: 1 },
  })
  await guarded.submit(red, hostId('docker-1'), never)
  await bench.said(red.id, 'started')
  const { ports } = await bench.until(red.id, 'running')
  const address = await addressOf(red.id)
  assert.match(await outcome(guarded, get(`http://team-red:${ports.http}/`)), /of-red/)
  const blue = { tenant: tenantId('blue'), account: 'agents/blue' }
  const ways = [`http://team-red:${ports.http}/`, `http://${address}:${ports.http}/`, `http://${GATEWAY}:${ports.http}/`]
  assert.doesNotMatch(await outcome(guarded, ways.map(get).join('; '), blue), /of-red/)
  // Manor itself, on the host, comes to it by the published port.
  const published = execFileSync('nsenter', [
    ...['--target', String(harness.daemon.holder), '--net', process.execPath, '-e'],
    `fetch('http://127.0.0.1:${ports.http}/').then(async answer => console.log(await answer.text()))`,
  ])
  assert.match(published.toString(), /of-red/)
  await bench.stop(red.id)
})

test('with a firewall the metadata address and the services of the host are closed but for the port that is named; without one they are open, and the host says so', async () => {
  const metadata = get(`http://${METADATA}/latest/meta-data/`)
  const ssh = get(`http://${GATEWAY}:2222/`)
  const manor = get(`http://${GATEWAY}:7070/`)
  assert.doesNotMatch(await outcome(guarded, `${metadata}; ${ssh}`), /reached/)
  assert.match(await outcome(guarded, manor), /reached/)
  const [host] = await guarded.hosts(never)
  assert.doesNotMatch(host?.limits.reason ?? '', /metadata address/)
  // Rules are for the networks of their owner alone: another owner without a firewall has none.
  const owner = `${harness.owner}-open`
  const open = await harness.engineOf(owner)
  const unguarded = bench.workload(`${metadata}; ${ssh}; echo tried`, { labels: { owner, kind: 'agent', noun: 'x', epoch: 1 } })
  await open.submit(unguarded, hostId('docker-1'), never)
  await waitFor(async () => (await open.list(never)).every(({ state }) => state === 'ended'), { what: 'it tried' })
  assert.equal((await open.logs(unguarded.id, 1_000, never)).split('reached').length - 1, 2)
  assert.match((await open.hosts(never))[0]?.limits.reason ?? '', /metadata address/)
})

test('rules are set again where they were lost, and set twice they are there once', async () => {
  const iptables = (args: readonly string[]): string =>
    execFileSync('nsenter', ['--target', String(harness.daemon.holder), '--net', 'iptables', ...args]).toString()
  const chain = `MANOR-IN-${bridgePrefix(harness.owner)}`
  iptables(['-F', chain])
  iptables(['-D', 'INPUT', '-j', chain])
  harness.proxy.cutEvents()
  await waitFor(() => iptables(['-S', 'INPUT']).includes(chain), { what: 'the rules are back' })
  harness.proxy.cutEvents()
  await waitFor(() => iptables(['-S', chain]).includes('7070'), { what: 'the rules are whole' })
  assert.equal(iptables(['-S', 'INPUT']).split(chain).length - 1, 1)
})

test('a tenant without a way out reaches its own, and nothing else', async () => {
  const sealed = { tenant: tenantId('sealed'), account: 'agents/sealed' }
  const server = bench.workload(SERVE, {
    ...sealed,
    ports: { http: 0 },
    labels: { owner: harness.owner, kind: 'controller', noun: 'inner', epoch: 1 },
  })
  await guarded.submit(server, hostId('docker-1'), never)
  await bench.said(server.id, 'started')
  const { ports } = await bench.until(server.id, 'running')
  const said = await outcome(guarded, `${get(`http://inner:${ports.http}/`)}; ${get(`http://${METADATA}/`)}`, sealed)
  assert.match(said, /of-red/)
  assert.doesNotMatch(said, /reached/)
  await bench.stop(server.id)
})

test('no socket of the daemon comes into a container, by whatever path', async () => {
  const directory = join(harness.daemon.directory, 'shared')
  await mkdir(directory, { recursive: true })
  execFileSync('ln', ['-sfn', harness.daemon.socket, join(directory, 'innocent')])
  const data = join(harness.daemon.directory, 'data')
  await harness.engine.hosts(never)
  for (const source of [
    '/var/run/docker.sock',
    '/run',
    '/',
    harness.proxy.socket,
    harness.daemon.socket,
    join(directory, 'innocent'),
    data,
    `${data}/volumes`,
  ])
    await assert.rejects(
      bench.submit(bench.workload('exit 0', { mounts: [{ source, target: '/x', readOnly: true }] })),
      cause => cause instanceof EngineError && cause.reason.code === 'invalid-spec' && !cause.retryable,
      source,
    )
  assert.match(await outcome(guarded, 'ls /var/run/docker.sock /run/docker.sock 2>/dev/null || echo none'), /none/)
})

test('a container has no rights, no new ones, a bound on processes, and a root that is as read-only as it should be', async () => {
  const looks = [
    'grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status',
    'id -u',
    'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null',
    'mount -t tmpfs none /tmp 2>/dev/null || echo cannot mount',
    'touch /tmp/x {dir}/x && echo can write its own',
    '(touch /home/manor/x || touch /bin/x) 2>/dev/null || echo cannot write the root',
  ].join('; ')
  const said = await outcome(guarded, looks, { labels: { owner: harness.owner, kind: 'controller', noun: 'c', epoch: 1 } })
  assert.match(said, /CapBnd:\s0+\n/)
  assert.match(said, /CapEff:\s0+\n/)
  assert.match(said, /NoNewPrivs:\s1\n/)
  assert.match(said, /^1000$/m)
  assert.match(said, /^4096$/m)
  for (const words of ['cannot mount', 'can write its own', 'cannot write the root']) assert.ok(said.includes(words), said)
})

test('mounts are seen where and how they were asked for, by the user of the account', async () => {
  const home = join(harness.daemon.directory, 'homes')
  await mkdir(home, { recursive: true })
  await writeFile(join(home, 'note'), 'from the host\n')
  execFileSync('chown', ['-R', '4242:4343', home])
  const engine = await harness.open({
    userOf: account => (account === 'agents/mapped' ? { uid: 4_242, gid: 4_343 } : { uid: 1_000, gid: 1_000 }),
  })
  const mounts = [
    { source: home, target: '/home/build', readOnly: false },
    { source: home, target: '/home/seen', readOnly: true },
  ]
  const script =
    'id -u; id -g; cat /home/build/note; echo more >>/home/build/note && echo wrote; echo x >>/home/seen/note || echo read only'
  const said = await outcome(engine, script, { mounts, account: 'agents/mapped' })
  for (const words of ['4242', '4343', 'from the host', 'wrote', 'read only']) assert.ok(said.includes(words), said)
  const rooted = await harness.open({ userOf: () => ({ uid: 0, gid: 0 }) })
  await assert.rejects(rooted.submit(bench.workload('exit 0'), hostId('docker-1'), never), /root/)
})

test('a workload that forks without end leaves its neighbours their processes', async () => {
  const bomb = await bench.submit(
    bench.workload('f() { f | f & }; f; while :; do :; done', { resources: { cpu: 0.1, memoryMb: 64, diskMb: 0 } }),
  )
  assert.match(await outcome(guarded, 'for i in 1 2 3 4 5; do (echo alive $i); done'), /alive 5/)
  await bench.stop(bomb)
  await bench.until(bomb, 'ended')
})

test('many that come and go leave no container, network, volume or process', async () => {
  const owner = `${harness.owner}-many`
  const engine = await harness.engineOf(owner)
  const all = Array.from({ length: 24 }, (_, i) =>
    bench.workload('(sleep 60 &); exit 0', { tenant: tenantId(`t${i % 3}`), labels: { owner, kind: 'agent', noun: `m${i}`, epoch: 1 } }),
  )
  await Promise.all(all.map(workload => engine.submit(workload, hostId('docker-1'), never)))
  await waitFor(async () => (await engine.list(never)).every(({ state }) => state === 'ended'), {
    what: 'all have ended',
    withinMs: 60_000,
  })
  for (const { id } of all) await engine.stop(id, 0, never)
  for (const { id } of all) await engine.remove(id, never)
  const { client } = harness.daemon
  assert.deepEqual(await client.listContainers([`manor.owner=${owner}`], never), [])
  assert.deepEqual(await client.listVolumes([`manor.owner=${owner}`], never), [])
  // Networks stay for the next build of their tenant, one each, until they were idle for long.
  assert.equal((await client.listNetworks([`manor.owner=${owner}`], never)).length, 3)
})
