/**
 * What becomes of nodes and managers, on a real Swarm of three: roles and reservations, drains, a daemon that crashes, nodes that vanish for a
 * while and for ever, and managers that fall silent or lose each other. Needs root.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { EngineError, type SwarmEngine } from '../../src/engines/index.ts'
import { tenantId } from '../../src/model/index.ts'
import type { SwarmNode } from '../support/swarm.ts'
import { FOREVER, never, type SwarmBench, swarmBench } from '../support/swarm-bench.ts'
import { dockerCall } from '../support/swarm-call.ts'
import type { SwarmHarness } from '../support/swarm-engine.ts'
import { waitFor } from '../support/wait.ts'

/** A node is given up after three of these: soon enough to wait for, late enough for a machine with other work. */
const HEARTBEAT_MS = 4_000
/** Nodes that look for a leader are not given up meanwhile. */
const PATIENT_MS = 20_000
/** A node goes by the heartbeat that it was told of last. */
const GIVEN_UP_WITHIN_MS = 4 * PATIENT_MS
/** Managers choose a leader within some 20 seconds, if all of them have the processor when their turn comes. */
const ELECTED_WITHIN_MS = 180_000

let harness: SwarmHarness
let engine: SwarmEngine
let bench: SwarmBench

before(async () => {
  bench = await swarmBench({ nodes: 3, managers: 3, heartbeatMs: HEARTBEAT_MS })
  harness = bench.harness
  engine = harness.engine
})
after(() => harness?.dispose())

/** How often nodes tell that they live, from now on. */
const heartbeat = async (ms: number): Promise<void> => {
  const change = async (): Promise<true> => {
    const { Spec, Version } = await bench.call('GET', '/swarm')
    await bench.call('POST', `/swarm/update?version=${Version.Index}`, { ...Spec, Dispatcher: { HeartbeatPeriod: ms * 1e6 } })
    return true
  }
  // Managers that have just chosen a leader may choose another.
  await waitFor(change, { what: 'the Swarm has another heartbeat', withinMs: ELECTED_WITHIN_MS })
}

/** A call to a manager that is not on this node. */
const besides =
  ({ nodeId }: SwarmNode) =>
  (method: string, path: string, body?: unknown) => {
    const other = harness.swarm.nodes.find(each => each.nodeId !== nodeId)
    return dockerCall(other?.socket ?? '', method, path, body)
  }

/** Resolves when the Swarm has given a node up. That Manor takes it for silent can also mean that managers look for a leader. */
const givenUp = async (node: SwarmNode): Promise<void> => {
  const ask = besides(node)
  const isDown = async (): Promise<boolean> => (await ask('GET', `/nodes/${node.nodeId}`)).Status.State === 'down'
  await waitFor(isDown, { what: 'the node is down', withinMs: ELECTED_WITHIN_MS })
}

const ROLE = 'manor.role'
const RESERVED = 'manor.reserved-for'

/** Labels nodes for the time of some work. */
const labelled = async (labels: readonly Readonly<Record<string, string>>[], work: () => Promise<void>): Promise<void> => {
  const { nodes } = harness.swarm
  try {
    for (const [index, node] of nodes.entries()) await bench.changeNode(node, spec => ({ ...spec, Labels: labels[index] ?? {} }))
    await work()
  } finally {
    for (const node of nodes) await bench.changeNode(node, spec => ({ ...spec, Labels: {} }))
  }
}

test('roles and reservations are labels of nodes: each workload comes where they let it, and leaves when they no longer do', async () => {
  const [mixed, builds, reds] = harness.swarm.nodes
  assert.ok(mixed !== undefined && builds !== undefined && reds !== undefined)
  const [red, blue] = [tenantId('red'), tenantId('blue')]
  await labelled([{ [ROLE]: 'controllers' }, { [ROLE]: 'builds' }, { [RESERVED]: red }], async () => {
    const controller = bench.controller(FOREVER, { tenant: blue })
    const build = bench.workload(FOREVER, { tenant: blue })
    const own = Array.from({ length: 2 }, () => bench.controller(FOREVER, { tenant: red }))
    for (const each of [controller, build, ...own]) await bench.submit(each)
    assert.equal(await bench.nodeOf((await bench.runs(controller.id)).host), mixed)
    assert.equal(await bench.nodeOf((await bench.runs(build.id)).host), builds)
    for (const { id } of own) assert.notEqual(await bench.nodeOf((await bench.runs(id)).host), builds)
    await bench.changeNode(mixed, spec => ({ ...spec, Labels: { [ROLE]: 'builds' } }))
    const { reason } = await bench.ended(controller.id)
    assert.equal(reason?.code, 'evicted')
    await bench.runs(build.id)
    await engine.remove(controller.id, never)
    await bench.end(build.id, ...own.map(({ id }) => id))
  })
})

test('what runs on a host goes on when Manor gives it another purpose, and what comes later goes elsewhere', async () => {
  const controller = bench.controller(FOREVER)
  await bench.submit(controller)
  const { host } = await bench.runs(controller.id)
  assert.ok(host !== undefined)
  await engine.hostControl.assign(host, { role: 'builds' }, never)
  const later = bench.controller(FOREVER)
  await bench.submit(later)
  assert.notEqual((await bench.runs(later.id)).host, host)
  assert.equal((await engine.hosts(never)).find(({ id }) => id === host)?.role, 'builds')
  await bench.runs(controller.id)
  await bench.startedOnce(controller.id)
  assert.equal((await bench.labelled('tasks', `manor.workload=${controller.id}`)).length, 1)
  await engine.hostControl.assign(host, { role: 'any' }, never)
  await bench.end(controller.id, later.id)
})

test('a drain lets builds end, then moves controllers, and what comes later goes elsewhere', async () => {
  const build = bench.workload('echo started; while [ ! -e /tmp/go ]; do sleep 0.1; done; trap "exit 0" TERM; sleep 4; exit 0')
  await bench.submit(build)
  const { host } = await bench.runs(build.id)
  assert.ok(host !== undefined)
  const moved = bench.controller(FOREVER)
  await engine.submit(moved, host, never)
  await bench.runs(moved.id)
  await engine.hostControl.drain(host, 60_000, never)
  assert.equal(await bench.hostState(host), 'draining')
  const later = bench.workload(FOREVER)
  await bench.submit(later)
  assert.notEqual((await bench.runs(later.id)).host, host)
  // The build runs on, and so does the controller that gave it.
  await bench.runs(build.id)
  await bench.runs(moved.id)
  await engine.stop(build.id, 30_000, never)
  await bench.ended(build.id)
  assert.equal((await bench.ended(moved.id)).reason?.code, 'evicted')
  assert.equal(await bench.hostState(host), 'draining')
  await engine.hostControl.uncordon(host, never)
  assert.equal(await bench.hostState(host), 'ready')
  await bench.end(later.id)
  for (const id of [build.id, moved.id]) await engine.remove(id, never)
})

test('a drain whose time is over ends the builds that are left', async () => {
  const build = bench.workload(FOREVER)
  await bench.submit(build)
  const { host } = await bench.runs(build.id)
  assert.ok(host !== undefined)
  await engine.hostControl.drain(host, 500, never)
  assert.equal((await bench.ended(build.id)).reason?.code, 'evicted')
  await engine.hostControl.uncordon(host, never)
  await engine.remove(build.id, never)
})

test("a node's daemon that crashes makes what runs there unknown; the one that comes next has ended it, and nothing starts again", async () => {
  // As a JVM ends when it is asked to: that nobody did so but the daemon is what has to be seen.
  const id = await bench.submit(bench.controller(FOREVER.replace('exit 0', 'exit 143')))
  const { host } = await bench.runs(id)
  const node = await bench.nodeOf(host)
  await node.down('SIGKILL')
  try {
    await waitFor(async () => (await bench.observe(id))?.state === 'unknown', { what: 'it is unknown', withinMs: GIVEN_UP_WITHIN_MS })
  } finally {
    await node.up()
  }
  const { reason, exitCode } = await bench.ended(id)
  assert.equal(reason?.code, 'node-lost', `${exitCode}: ${reason?.message}`)
  await waitFor(async () => (await bench.hostState(host)) === 'ready', { what: 'the host is back', withinMs: GIVEN_UP_WITHIN_MS })
  assert.equal((await bench.labelled('tasks', `manor.workload=${id}`)).length, 1)
  await engine.remove(id, never)
})

test('a node that vanishes makes what ran there unknown, nothing starts twice, and its return ends what the Swarm gave up', async () => {
  const id = await bench.submit(bench.controller(FOREVER))
  const { host } = await bench.runs(id)
  const node = await bench.nodeOf(host)
  process.kill(node.pid, 'SIGSTOP')
  try {
    await givenUp(node)
    await waitFor(async () => (await bench.hostState(host)) === 'silent', { what: 'the host is silent' })
    const other = bench.workload(FOREVER)
    // It may have been their leader.
    await waitFor(() => bench.submit(other), { what: 'a submit with two managers of three', withinMs: ELECTED_WITHIN_MS })
    assert.notEqual((await bench.runs(other.id)).host, host)
    await bench.until(id, 'unknown', ({ state }) => state === 'unknown')
    await bench.end(other.id)
  } finally {
    process.kill(node.pid, 'SIGCONT')
  }
  assert.equal((await bench.ended(id)).reason?.code, 'node-lost')
  await waitFor(async () => (await bench.hostState(host)) === 'ready', { what: 'the host is back' })
  await engine.remove(id, never)
})

test('a manager that dies is missed by nobody; without most of them nothing is changed, what runs is unknown, and it heals', async () => {
  await heartbeat(PATIENT_MS)
  const id = await bench.submit(bench.controller(FOREVER))
  const { host, startedAt } = await bench.runs(id)
  const its = await bench.nodeOf(host)
  const [one, two] = harness.swarm.nodes.filter(node => node !== its)
  assert.ok(one !== undefined && two !== undefined)
  process.kill(one.pid, 'SIGSTOP')
  try {
    const other = bench.workload(FOREVER)
    // On the node that is there: the Swarm may still take the silent one for ready.
    await waitFor(() => engine.submit(other, host, never).then(() => true), {
      what: 'a submit with two managers of three',
      withinMs: ELECTED_WITHIN_MS,
    })
    await bench.runs(other.id)
    await bench.end(other.id)
    process.kill(two.pid, 'SIGSTOP')
    await bench.until(id, 'unknown', ({ state }) => state === 'unknown')
    await assert.rejects(bench.submit(bench.workload(FOREVER)), cause => cause instanceof EngineError && cause.retryable)
  } finally {
    for (const node of [one, two]) process.kill(node.pid, 'SIGCONT')
  }
  const seen = await bench.until(id, 'running or ended by the Swarm', ({ state }) => state === 'running' || state === 'ended')
  assert.equal(seen.startedAt, startedAt)
  await bench.startedOnce(id)
  // Managers that were gone for a while choose a leader more than once.
  await waitFor(() => bench.end(id).then(() => true), { what: 'it can be ended', withinMs: ELECTED_WITHIN_MS })
})

test('a node that never comes back is taken out by hand, and what ran there is told as lost', async () => {
  const id = await bench.submit(bench.controller(FOREVER))
  const { host } = await bench.runs(id)
  const node = await bench.nodeOf(host)
  await heartbeat(HEARTBEAT_MS)
  process.kill(node.pid, 'SIGSTOP')
  try {
    await givenUp(node)
    await bench.until(id, 'unknown', ({ state }) => state === 'unknown')
    const ask = besides(node)
    const demote = async (): Promise<true> => {
      const { Spec, Version } = await ask('GET', `/nodes/${node.nodeId}`)
      await ask('POST', `/nodes/${node.nodeId}/update?version=${Version.Index}`, { ...Spec, Role: 'worker' })
      return true
    }
    await waitFor(demote, { what: 'the node is no manager', withinMs: ELECTED_WITHIN_MS })
    const takeOut = (): Promise<true> => ask('DELETE', `/nodes/${node.nodeId}?force=1`).then(() => true)
    await waitFor(takeOut, { what: 'the node is taken out', withinMs: ELECTED_WITHIN_MS })
    const { reason } = await bench.ended(id)
    assert.equal(reason?.code, 'node-lost')
    assert.match(reason.mend ?? '', /another node/)
    await engine.remove(id, never)
    assert.equal((await engine.hosts(never)).length, harness.swarm.nodes.length - 1)
  } finally {
    process.kill(node.pid, 'SIGCONT')
  }
})
