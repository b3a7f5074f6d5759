/**
 * The faults that Swarms know, played on a real one of three managers: lost answers, objects that somebody else changed, managers that fall
 * silent or lose each other, nodes that vanish, drains, and people who change services by hand. Needs root.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Bench, createBench } from '../../src/engines/conformance/harness.ts'
import { EngineError } from '../../src/engines/index.ts'
import { serviceName } from '../../src/engines/swarm/names.ts'
import { type HostId, type Observation, tenantId, type Workload, type WorkloadId } from '../../src/model/index.ts'
import type { SwarmNode } from '../support/swarm.ts'
import { dockerCall } from '../support/swarm-call.ts'
import { type SwarmHarness, swarmHarness } from '../support/swarm-engine.ts'
import { waitFor } from '../support/wait.ts'

const never = new AbortController().signal
const FOREVER = `echo started; trap 'exit 0' TERM; while :; do sleep 0.2; done`
const small = { cpu: 0.1, memoryMb: 64, diskMb: 0 }

let harness: SwarmHarness
let bench: Bench

before(async () => {
  harness = await swarmHarness({ nodes: 3, managers: 3 })
  bench = createBench(harness)
})
after(() => harness.dispose())

const workload = (script: string, more: Partial<Workload> = {}): Workload => bench.workload(script, { resources: small, ...more })
const controller = (script: string, more: Partial<Workload> = {}): Workload => {
  const made = workload(script, more)
  return { ...made, labels: { ...made.labels, kind: 'controller', noun: `c-${made.labels.noun}` } }
}
const isRunning = ({ state }: Observation): boolean => state === 'running'
const runs = (id: WorkloadId): Promise<Observation> => bench.until(id, 'running', isRunning)
const startedOnce = async (id: WorkloadId): Promise<void> => {
  const log = await bench.said(id, 'started')
  assert.equal(log.split('started').length - 1, 1, log)
}
const end = async (...ids: readonly WorkloadId[]): Promise<void> => {
  for (const id of ids) await harness.engine.stop(id, 0, never)
  for (const id of ids) await bench.ended(id)
  for (const id of ids) await harness.engine.remove(id, never)
}
const nodeOf = async (host: HostId | undefined): Promise<SwarmNode> => {
  const attributes = (await harness.engine.hosts(never)).find(({ id }) => id === host)?.attributes
  const node = harness.swarm.nodes.find(({ nodeId }) => nodeId === attributes?.node)
  assert.ok(node !== undefined, `no daemon is known for host ${host}`)
  return node
}
const hostState = async (host: HostId | undefined) => (await harness.engine.hosts(never)).find(({ id }) => id === host)?.state
const everywhere = (method: string, path: RegExp, fault: Parameters<SwarmHarness['proxies'][number]['fail']>[2], times = 1): void => {
  for (const proxy of harness.proxies) proxy.fail(method, path, fault, times)
}
const [CREATE, UPDATE] = [/^\/services\/create/, /\/update/]

test('a create that was done and not answered is found by the next manager, and starts one', async () => {
  const wanted = workload(FOREVER, { files: [{ path: 'f', content: 'x', mode: 0o600 }] })
  for (const proxy of harness.proxies.slice(0, 1)) proxy.fail('POST', CREATE, { kind: 'answer-lost' })
  await bench.submit(wanted)
  await runs(wanted.id)
  await startedOnce(wanted.id)
  await end(wanted.id)
})

test('a create that no manager heard says so, leaves nothing, and can be asked again', async () => {
  const wanted = workload(FOREVER, { files: [{ path: 'f', content: 'x', mode: 0o600 }] })
  everywhere('POST', CREATE, { kind: 'cut' })
  await assert.rejects(bench.submit(wanted), cause => cause instanceof EngineError && cause.retryable && cause.reason.code === 'node-lost')
  assert.equal(await bench.observe(wanted.id), undefined)
  await bench.submit(wanted)
  await runs(wanted.id)
  await end(wanted.id)
})

test('secrets of a start that a crash cut short are swept', async () => {
  const wanted = workload(FOREVER, { files: [{ path: 'f', content: 'x', mode: 0o600 }] })
  everywhere('POST', CREATE, { kind: 'cut' })
  everywhere('DELETE', /^\/secrets/, { kind: 'cut' }, 1)
  await assert.rejects(bench.submit(wanted), EngineError)
  const [{ socket }] = harness.swarm.nodes as readonly [SwarmNode]
  const secrets = async (): Promise<readonly unknown[]> =>
    dockerCall(socket, 'GET', `/secrets?filters=${encodeURIComponent(JSON.stringify({ label: [`manor.workload=${wanted.id}`] }))}`)
  assert.equal((await secrets()).length, 1)
  const engine = await harness.open({ orphanGraceMs: 800 })
  await waitFor(async () => (await secrets()).length === 0, { what: 'the secret that nobody uses is gone' })
  await engine.close()
})

test('an object that somebody else changed in between is read again', async () => {
  const [host] = await harness.engine.hosts(never)
  everywhere('POST', UPDATE, { kind: 'answer', status: 500, message: 'rpc error: code = Unknown desc = update out of sequence' }, 2)
  await harness.engine.hostControl.cordon(host?.id as HostId, never)
  assert.equal(await hostState(host?.id), 'cordoned')
  await harness.engine.hostControl.uncordon(host?.id as HostId, never)
  assert.equal(await hostState(host?.id), 'ready')
})

test("a service of somebody else's that has the name is left alone, and named", async () => {
  const wanted = workload(FOREVER)
  const name = serviceName(harness.owner, wanted.id)
  const [{ socket }] = harness.swarm.nodes as readonly [SwarmNode]
  const theirs = { Name: name, TaskTemplate: { ContainerSpec: { Image: harness.image, Command: ['sleep', '60'] } } }
  await dockerCall(socket, 'POST', '/services/create', theirs)
  await assert.rejects(bench.submit(wanted), cause => cause instanceof EngineError && !cause.retryable && cause.message.includes(name))
  await dockerCall(socket, 'DELETE', `/services/${name}`)
})

const refusals: readonly (readonly [what: string, more: Partial<Workload>, code: string, retryable: boolean])[] = [
  ['an image that is nowhere', { image: '127.0.0.1:1/nope:1' }, 'image-pull', true],
  ['a mount that its node does not have', { mounts: [{ source: '/no/such/place', target: '/x', readOnly: true }] }, 'invalid-spec', false],
]
for (const [what, more, code, retryable] of refusals)
  test(`${what} refuses the start as ${code}, and leaves nothing`, async () => {
    const wanted = workload(FOREVER, more)
    await assert.rejects(
      bench.submit(wanted),
      cause => cause instanceof EngineError && cause.reason.code === code && cause.retryable === retryable,
    )
    assert.equal(await bench.observe(wanted.id), undefined)
  })

test('a workload that no node has room for waits, says why, and goes when it is stopped', async () => {
  const wanted = workload(FOREVER, { resources: { cpu: 999, memoryMb: 64, diskMb: 0 } })
  await bench.submit(wanted)
  const seen = await bench.until(wanted.id, 'placing with a reason', ({ state, reason }) => state === 'placing' && reason !== undefined)
  assert.equal(seen.reason?.code, 'no-capacity')
  assert.match((await harness.engine.explain(wanted.id, never))?.message ?? '', /insufficient resources/)
  await end(wanted.id)
})

test('where only managers are reached, the Swarm itself stops, logs are read through it, and hosts say what is weaker', async () => {
  const id = await bench.submit(workload(`trap 'echo polite; exit 5' TERM; ${FOREVER.replace(/trap '[^']*' TERM;/, '')}`))
  const host = (await runs(id)).host
  await bench.said(id, 'started')
  const away = harness.swarm.nodes.indexOf(await nodeOf(host))
  const engine = await harness.open({
    daemons: harness.proxies.filter((_, index) => index !== away).map(({ socket }) => ({ address: `unix://${socket}` })),
  })
  const told = (await engine.hosts(never)).find(each => each.id === host)
  assert.match(told?.limits.reason ?? '', /not in the configuration/)
  assert.match(await engine.logs(id, 1_000, never), /started/)
  await engine.stop(id, 10_000, never)
  const seen = await waitFor(async () => (await engine.list(never)).find(each => each.id === id && each.state === 'ended'), {
    what: 'it ended',
  })
  assert.equal(seen.reason?.code, 'killed-by-us')
  assert.equal(seen.exitCode, 5)
  await engine.remove(id, never)
  await engine.close()
})

test('whoever changes a service by hand gets no second run: the first ends, and nothing more begins', async () => {
  const id = await bench.submit(controller(FOREVER))
  await runs(id)
  const [{ socket }] = harness.swarm.nodes as readonly [SwarmNode]
  const service = await dockerCall(socket, 'GET', `/services/${serviceName(harness.owner, id)}`)
  service.Spec.TaskTemplate.ForceUpdate = 1
  await dockerCall(socket, 'POST', `/services/${service.ID}/update?version=${service.Version.Index}`, service.Spec)
  assert.equal((await bench.ended(id)).reason?.code, 'node-lost')
  const tasks: { readonly Status: { readonly State: string } }[] = await dockerCall(
    socket,
    'GET',
    `/tasks?filters=${encodeURIComponent(JSON.stringify({ service: [service.ID] }))}`,
  )
  assert.equal(tasks.filter(({ Status }) => Status.State === 'running').length, 0)
  await harness.engine.remove(id, never)
})

test("a tenant's workloads reach each other by name from node to node, and another tenant's not at all", async () => {
  const serve = (reply: string): string =>
    `while :; do echo ${reply} | nc -l -p 9000 >/dev/null; done & echo "at $(hostname -i)."; echo started; wait`
  const [red, blue] = [tenantId('red'), tenantId('blue')]
  const server = workload(serve('hello'), { tenant: red, account: 'controller/red-a', ports: { http: 9_000 } })
  await bench.submit(server)
  const { peerAddress, host } = await runs(server.id)
  const [, address] = /at ([0-9.]+)[ .]/.exec(await bench.said(server.id, 'started')) ?? []
  assert.ok(address !== undefined)
  const elsewhere = (await harness.engine.hosts(never)).find(({ id }) => id !== host)?.id
  const ask = `for i in 1 2 3 4 5 6 7 8 9 10; do bash -c 'exec 3<>/dev/tcp/${peerAddress}/9000 && timeout 2 cat <&3' && exit 0; sleep 0.3; done; exit 1`
  const friend = workload(ask, { tenant: red, account: 'agents/red-a' })
  const pry = [peerAddress, address].map(at => `timeout 6 bash -c 'exec 3<>/dev/tcp/${at}/9000 && timeout 2 cat <&3'`).join('; ')
  const stranger = workload(`${pry}; echo tried`, { tenant: blue, account: 'agents/blue-a' })
  await harness.engine.submit(friend, elsewhere, never)
  await harness.engine.submit(stranger, elsewhere, never)
  assert.equal((await bench.ended(friend.id)).exitCode, 0, await harness.engine.logs(friend.id, 2_000, never))
  assert.match(await harness.engine.logs(friend.id, 2_000, never), /hello/)
  assert.doesNotMatch(await bench.said(stranger.id, 'tried'), /hello/)
  await end(server.id, friend.id, stranger.id)
})

test('a drain lets builds end, then moves controllers, and what comes later goes elsewhere', async () => {
  const build = workload('echo started; while [ ! -e /tmp/go ]; do sleep 0.1; done; trap "exit 0" TERM; sleep 4; exit 0')
  await bench.submit(build)
  const { host } = await runs(build.id)
  assert.ok(host !== undefined)
  const moved = controller(FOREVER)
  await harness.engine.submit(moved, host, never)
  await runs(moved.id)
  await harness.engine.hostControl.drain(host, 60_000, never)
  assert.equal(await hostState(host), 'draining')
  const later = workload(FOREVER)
  await bench.submit(later)
  assert.notEqual((await runs(later.id)).host, host)
  // The build runs on, and so does the controller that gave it.
  await runs(build.id)
  await runs(moved.id)
  await harness.engine.stop(build.id, 30_000, never)
  await bench.ended(build.id)
  assert.equal((await bench.ended(moved.id)).reason?.code, 'evicted')
  assert.equal(await hostState(host), 'draining')
  await harness.engine.hostControl.uncordon(host, never)
  assert.equal(await hostState(host), 'ready')
  await end(later.id)
  for (const id of [build.id, moved.id]) await harness.engine.remove(id, never)
})

test('a drain whose time is over ends the builds that are left', async () => {
  const build = workload(FOREVER)
  await bench.submit(build)
  const { host } = await runs(build.id)
  assert.ok(host !== undefined)
  await harness.engine.hostControl.drain(host, 500, never)
  assert.equal((await bench.ended(build.id)).reason?.code, 'evicted')
  await harness.engine.hostControl.uncordon(host, never)
  await harness.engine.remove(build.id, never)
})

test('a node that vanishes makes what ran there unknown, nothing starts twice, and its return ends what the Swarm gave up', async () => {
  const id = await bench.submit(controller(FOREVER))
  const { host } = await runs(id)
  const node = await nodeOf(host)
  process.kill(node.pid, 'SIGSTOP')
  try {
    await bench.until(id, 'unknown', ({ state }) => state === 'unknown')
    await waitFor(async () => (await hostState(host)) === 'silent', { what: 'the host is silent' })
    const other = await bench.submit(workload(FOREVER))
    assert.notEqual((await runs(other)).host, host)
    assert.equal((await bench.observe(id))?.state, 'unknown')
    await end(other)
  } finally {
    process.kill(node.pid, 'SIGCONT')
  }
  assert.equal((await bench.ended(id)).reason?.code, 'node-lost')
  await waitFor(async () => (await hostState(host)) === 'ready', { what: 'the host is back' })
  await harness.engine.remove(id, never)
})

test('a manager that dies is missed by nobody; without most of them nothing is changed, what runs is unknown, and it heals', async () => {
  // Nodes that look for a new leader must not be given up meanwhile: this test is of managers.
  const [{ socket }] = harness.swarm.nodes as readonly [SwarmNode]
  const { Spec, Version } = await dockerCall(socket, 'GET', '/swarm')
  const slow = { ...Spec, Dispatcher: { HeartbeatPeriod: 10e9 } }
  await dockerCall(socket, 'POST', `/swarm/update?version=${Version.Index}`, slow)
  const id = await bench.submit(controller(FOREVER))
  const { host, startedAt } = await runs(id)
  const its = await nodeOf(host)
  const [one, two] = harness.swarm.nodes.filter(node => node !== its)
  assert.ok(one !== undefined && two !== undefined)
  process.kill(one.pid, 'SIGSTOP')
  try {
    const other = workload(FOREVER)
    // On the node that is there: the Swarm may still take the silent one for ready.
    await waitFor(() => harness.engine.submit(other, host, never).then(() => true), { what: 'a submit with two managers of three' })
    await runs(other.id)
    await end(other.id)
    process.kill(two.pid, 'SIGSTOP')
    await bench.until(id, 'unknown', ({ state }) => state === 'unknown')
    await assert.rejects(bench.submit(workload(FOREVER)), cause => cause instanceof EngineError && cause.retryable)
  } finally {
    for (const node of [one, two]) process.kill(node.pid, 'SIGCONT')
  }
  const seen = await bench.until(id, 'running or ended by the Swarm', ({ state }) => state === 'running' || state === 'ended')
  assert.equal(seen.startedAt, startedAt)
  await startedOnce(id)
  // Managers that were gone for a while choose a leader more than once.
  await waitFor(() => end(id).then(() => true), { what: 'it can be ended', withinMs: 60_000 })
})
