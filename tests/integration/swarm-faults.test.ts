/**
 * What networks, proxies, overloaded managers and other people do to the engine's calls, played on a real Swarm of three managers: answers that
 * are lost, streams of events in pieces and silent ones, names that are taken, objects that somebody else changed, addresses that run
 * out. Needs root.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { EngineError, type SwarmEngine } from '../../src/engines/index.ts'
import { serviceName } from '../../src/engines/swarm/names.ts'
import { type Observation, tenantId, type Workload } from '../../src/model/index.ts'
import { deadline, systemClock } from '../../src/runtime/index.ts'
import { FOREVER, never, type SwarmBench, swarmBench } from '../support/swarm-bench.ts'
import type { SwarmHarness } from '../support/swarm-engine.ts'
import { waitFor } from '../support/wait.ts'

let harness: SwarmHarness
let engine: SwarmEngine
let bench: SwarmBench

before(async () => {
  // A node that is silent for a moment, on a machine with other work, is not given up: these tests are of calls.
  bench = await swarmBench({ nodes: 3, managers: 3, heartbeatMs: 60_000 })
  harness = bench.harness
  engine = harness.engine
})
after(() => harness?.dispose())

const [CREATE, UPDATE] = [/^\/services\/create/, /\/update/]
const withFile = { files: [{ path: 'f', content: 'x', mode: 0o600 }] }
const isSilence = (cause: unknown): boolean => cause instanceof EngineError && cause.retryable && cause.reason.code === 'node-lost'

test('a create that was done and not answered is found by the next manager, and starts one', async () => {
  const wanted = bench.workload(FOREVER, withFile)
  await bench.first('POST', CREATE, { kind: 'answer-lost' })
  await bench.submit(wanted)
  await bench.runs(wanted.id)
  await bench.startedOnce(wanted.id)
  await bench.end(wanted.id)
})

test('a secret and an overlay that were made and not answered are found by their names', async () => {
  const wanted = bench.workload('cat "$1"; echo started', { ...withFile, tenant: tenantId('fresh') })
  const reading = { ...wanted, command: [...wanted.command, 'sh', '{dir}/f'] }
  await bench.first('POST', /^\/secrets\/create/, { kind: 'answer-lost' })
  await bench.first('POST', /^\/networks\/create/, { kind: 'answer-lost' })
  await bench.submit(reading)
  assert.equal((await bench.ended(reading.id)).exitCode, 0)
  assert.equal(await bench.said(reading.id, 'started'), 'xstarted\n')
  await engine.remove(reading.id, never)
  assert.deepEqual(await bench.labelled('secrets', `manor.workload=${reading.id}`), [])
  assert.equal((await bench.labelled('networks', 'manor.network=fresh')).length, 1)
})

test('a create that no manager heard says so, leaves nothing, and can be asked again', async () => {
  const wanted = bench.workload(FOREVER, withFile)
  bench.everywhere('POST', CREATE, { kind: 'cut' })
  await assert.rejects(bench.submit(wanted), isSilence)
  assert.equal(await bench.observe(wanted.id), undefined)
  await bench.submit(wanted)
  await bench.runs(wanted.id)
  await bench.end(wanted.id)
})

test('secrets of a start that a crash cut short are swept', async () => {
  const wanted = bench.workload(FOREVER, withFile)
  bench.everywhere('POST', CREATE, { kind: 'cut' })
  bench.everywhere('DELETE', /^\/secrets/, { kind: 'cut' })
  await assert.rejects(bench.submit(wanted), isSilence)
  const secrets = async (): Promise<readonly unknown[]> => bench.labelled('secrets', `manor.workload=${wanted.id}`)
  assert.equal((await secrets()).length, 1)
  const engine = await harness.open({ orphanGraceMs: 800 })
  await waitFor(async () => (await secrets()).length === 0, { what: 'the secret that nobody uses is gone' })
  await engine.close()
})

test('an object that somebody else changed in between is read again', async () => {
  const [host] = await engine.hosts(never)
  assert.ok(host !== undefined)
  bench.everywhere('POST', UPDATE, { kind: 'answer', status: 500, message: 'rpc error: code = Unknown desc = update out of sequence' }, 2)
  await engine.hostControl.cordon(host.id, never)
  assert.equal(await bench.hostState(host.id), 'cordoned')
  await engine.hostControl.uncordon(host.id, never)
  assert.equal(await bench.hostState(host.id), 'ready')
})

test("a service of somebody else's that has the name is left alone, and named", async () => {
  const wanted = bench.workload(FOREVER)
  const name = serviceName(harness.owner, wanted.id)
  const theirs = { Name: name, TaskTemplate: { ContainerSpec: { Image: harness.image, Command: ['sleep', '60'] } } }
  await bench.call('POST', '/services/create', theirs)
  await assert.rejects(bench.submit(wanted), cause => cause instanceof EngineError && !cause.retryable && cause.message.includes(name))
  await bench.call('DELETE', `/services/${name}`)
})

const refusals: readonly (readonly [what: string, more: Partial<Workload>, code: string, retryable: boolean])[] = [
  ['an image that is nowhere', { image: '127.0.0.1:1/nope:1' }, 'image-pull', true],
  ['a mount that its node does not have', { mounts: [{ source: '/no/such/place', target: '/x', readOnly: true }] }, 'invalid-spec', false],
]
for (const [what, more, code, retryable] of refusals)
  test(`${what} refuses the start as ${code}, and leaves nothing`, async () => {
    const wanted = bench.workload(FOREVER, more)
    await assert.rejects(
      bench.submit(wanted),
      cause => cause instanceof EngineError && cause.reason.code === code && cause.retryable === retryable,
    )
    assert.equal(await bench.observe(wanted.id), undefined)
  })

test('a workload that no node has room for waits, says why, and goes when it is stopped', async () => {
  const wanted = bench.workload(FOREVER, { resources: { cpu: 999, memoryMb: 64, diskMb: 0 } })
  await bench.submit(wanted)
  const seen = await bench.until(wanted.id, 'placing with a reason', ({ state, reason }) => state === 'placing' && reason !== undefined)
  assert.equal(seen.reason?.code, 'no-capacity')
  assert.match((await engine.explain(wanted.id, never))?.message ?? '', /insufficient resources/)
  await bench.end(wanted.id)
})

test('where only managers are reached, the Swarm itself stops, logs are read through it, and hosts say what is weaker', async () => {
  const id = await bench.submit(bench.workload(`trap 'echo polite; exit 5' TERM; ${FOREVER.replace(/trap '[^']*' TERM;/, '')}`))
  const host = (await bench.runs(id)).host
  await bench.said(id, 'started')
  const away = harness.swarm.nodes.indexOf(await bench.nodeOf(host))
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
  const id = await bench.submit(bench.controller(FOREVER))
  await bench.runs(id)
  const service = await bench.serviceOf(id)
  service.Spec.TaskTemplate.ForceUpdate = 1
  await bench.call('POST', `/services/${service.ID}/update?version=${service.Version.Index}`, service.Spec)
  assert.equal((await bench.ended(id)).reason?.code, 'node-lost')
  const tasks: readonly { readonly Status: { readonly State: string } }[] = await bench.labelled('tasks', `manor.workload=${id}`)
  assert.equal(tasks.filter(({ Status }) => Status.State === 'running').length, 0)
  await engine.remove(id, never)
})

test("a tenant's workloads reach each other by name from node to node, and another tenant's not at all", async () => {
  const serve = (reply: string): string =>
    `while :; do echo ${reply} | nc -l -p 9000 >/dev/null; done & echo "at $(hostname -i)."; echo started; wait`
  const [red, blue] = [tenantId('red'), tenantId('blue')]
  const server = bench.workload(serve('hello'), { tenant: red, account: 'controller/red-a', ports: { http: 9_000 } })
  await bench.submit(server)
  const { peerAddress, host } = await bench.runs(server.id)
  const [, address] = /at ([0-9.]+)[ .]/.exec(await bench.said(server.id, 'started')) ?? []
  assert.ok(address !== undefined)
  const elsewhere = (await engine.hosts(never)).find(({ id }) => id !== host)?.id
  const ask = `for i in 1 2 3 4 5 6 7 8 9 10; do bash -c 'exec 3<>/dev/tcp/${peerAddress}/9000 && timeout 2 cat <&3' && exit 0; sleep 0.3; done; exit 1`
  const friend = bench.workload(ask, { tenant: red, account: 'agents/red-a' })
  const pry = [peerAddress, address].map(at => `timeout 6 bash -c 'exec 3<>/dev/tcp/${at}/9000 && timeout 2 cat <&3'`).join('; ')
  const stranger = bench.workload(`${pry}; echo tried`, { tenant: blue, account: 'agents/blue-a' })
  await engine.submit(friend, elsewhere, never)
  await engine.submit(stranger, elsewhere, never)
  assert.equal((await bench.ended(friend.id)).exitCode, 0, await engine.logs(friend.id, 2_000, never))
  assert.match(await engine.logs(friend.id, 2_000, never), /hello/)
  assert.doesNotMatch(await bench.said(stranger.id, 'tried'), /hello/)
  await bench.end(server.id, friend.id, stranger.id)
})

const STOP_RECORD = /^\/configs\/create/

test('a stop whose record no manager answered says so; asked again, it holds', async () => {
  const id = await bench.submit(bench.workload(FOREVER))
  await bench.said(id, 'started')
  bench.everywhere('POST', STOP_RECORD, { kind: 'answer-lost' })
  await assert.rejects(engine.stop(id, 5_000, never), isSilence)
  await engine.stop(id, 5_000, never)
  assert.equal((await bench.ended(id)).reason?.code, 'killed-by-us')
  await engine.remove(id, never)
  assert.deepEqual(await bench.labelled('configs', `manor.stop=${id}`), [])
})

test('a signal that hangs does not hold up the kill', async () => {
  const id = await bench.submit(bench.workload(`trap '' TERM; ${FOREVER.replace("trap 'exit 0' TERM;", '')}`))
  await bench.said(id, 'started')
  bench.everywhere('POST', /\/kill/, { kind: 'hang' })
  await engine.stop(id, 500, never)
  const { reason, exitCode } = await bench.ended(id)
  assert.equal(reason?.code, 'killed-by-us')
  assert.equal(exitCode, 137)
  await engine.remove(id, never)
})

test('a removal that was done and not answered is asked again', async () => {
  const id = await bench.submit(bench.workload('exit 0', withFile))
  await bench.ended(id)
  bench.everywhere('DELETE', /^\/services/, { kind: 'answer-lost' })
  // The next manager finds nothing there any more, which is what was wanted.
  await assert.rejects(engine.remove(id, never), isSilence)
  await engine.remove(id, never)
  assert.equal(await bench.observe(id), undefined)
  assert.deepEqual(await bench.labelled('secrets', `manor.workload=${id}`), [])
})

test('managers that have no leader for a while make what runs unknown, start nothing, and are asked again', async () => {
  const id = await bench.submit(bench.workload(FOREVER))
  await bench.runs(id)
  const leaderless = { kind: 'answer', status: 500, message: 'rpc error: code = Unknown desc = The swarm does not have a leader.' } as const
  const wanted = bench.workload(FOREVER)
  bench.everywhere('POST', CREATE, leaderless)
  await assert.rejects(bench.submit(wanted), cause => isSilence(cause) && /docker node ls/.test((cause as EngineError).reason.mend ?? ''))
  bench.everywhere('GET', /^\/services\?/, leaderless)
  assert.equal((await bench.observe(id))?.state, 'unknown')
  assert.equal((await bench.observe(id))?.state, 'running')
  await bench.submit(wanted)
  await bench.runs(wanted.id)
  await bench.startedOnce(id)
  await bench.end(id, wanted.id)
})

/** Follows hints until one is right. */
const hinted = async (from: SwarmEngine, right: (observation: Observation) => boolean, act: () => Promise<unknown>): Promise<void> => {
  const limit = deadline(systemClock, harness.patienceMs)
  const watching = (async () => {
    for await (const hint of from.watch(limit.signal)) if (right(hint)) return true
    return false
  })()
  try {
    await act()
    assert.ok(await watching, 'no such hint came')
  } finally {
    limit.done()
  }
}

test('events are understood in pieces of three bytes, and many in one', async () => {
  for (const proxy of harness.proxies) proxy.eventPieces = 3
  const wanted = bench.workload('echo über; exit 4')
  await hinted(
    engine,
    ({ id, state, exitCode }) => id === wanted.id && state === 'ended' && exitCode === 4,
    () => bench.submit(wanted),
  )
  for (const proxy of harness.proxies) proxy.eventPieces = undefined
  await engine.remove(wanted.id, never)
})

test('streams of events that fell silent without an end are begun anew, and what was missed is told', async () => {
  const other = await harness.open({ eventsIdleMs: 1_000 })
  await waitFor(() => other.list(never).then(() => true), { what: 'the engine has looked' })
  for (const proxy of harness.proxies) proxy.eventsAreHeld = true
  const missed = await bench.submit(bench.workload('exit 3'))
  await bench.ended(missed)
  await hinted(
    other,
    ({ id }) => id === missed,
    async () => {
      for (const proxy of harness.proxies) proxy.eventsAreHeld = false
    },
  )
  await other.close()
  await engine.remove(missed, never)
})

test('what a file holds is in nothing that the Swarm or a daemon tells, and its secret goes with the workload', async () => {
  const token = 'a-token-that-nobody-may-read'
  const wanted = bench.workload(FOREVER, { files: [{ path: 'token', content: token, mode: 0o400 }] })
  await bench.submit(wanted)
  const { host } = await bench.runs(wanted.id)
  const label = `manor.workload=${wanted.id}`
  const told = await Promise.all(['services', 'tasks', 'secrets'].map(what => bench.labelled(what, label)))
  assert.ok(told.every(answer => answer.length === 1))
  const { client } = await bench.nodeOf(host)
  const [container] = await client.listContainers([label], never)
  assert.ok(container !== undefined)
  const inspected = await client.call({ method: 'GET', path: `/containers/${container.Id}/json` }, never)
  for (const text of [JSON.stringify(told), inspected.text])
    for (const form of [token, Buffer.from(token).toString('base64').slice(0, -4)]) assert.ok(!text.includes(form))
  await bench.end(wanted.id)
  assert.deepEqual(await bench.labelled('secrets', label), [])
})

test('controllers of a tenant are spread over overlays, and each shares one with its agents', async () => {
  const wide = tenantId('wide')
  const sharded = await harness.open({ workloadsPerOverlay: 1 })
  // The least that an overlay takes is 16, half of them controllers.
  const controllers = Array.from({ length: 9 }, (_, index) =>
    bench.controller(FOREVER, { tenant: wide, account: `controller/wide-${index}` }),
  )
  for (const each of controllers) await sharded.submit(each, undefined, never)
  const networkOf = async ({ id }: Workload): Promise<string> => (await bench.serviceOf(id)).Spec.TaskTemplate.Networks[0].Target
  const networks = await Promise.all(controllers.map(networkOf))
  assert.equal(new Set(networks.slice(0, 8)).size, 1)
  assert.notEqual(networks[8], networks[0])
  const agents = [0, 8].map(of => bench.workload(FOREVER, { tenant: wide, account: `agents/wide-${of}` }))
  for (const each of agents) await sharded.submit(each, undefined, never)
  assert.deepEqual(await Promise.all(agents.map(networkOf)), [networks[0], networks[8]])
  await sharded.close()
  await bench.end(...[...controllers, ...agents].map(({ id }) => id))
})

test('a workload for which the overlay has no address left waits, and says after a while that it waits for one', async () => {
  const tight = tenantId('tight')
  await bench.call('POST', '/networks/create', {
    Name: bench.networkOf(tight, 1),
    Driver: 'overlay',
    // Six addresses, of which its gateway and each node with a task take one.
    IPAM: { Driver: 'default', Config: [{ Subnet: '10.77.0.0/29' }] },
    Labels: { 'manor.owner': harness.owner, 'manor.network': tight, 'manor.shard': '1' },
  })
  const many = Array.from({ length: 6 }, () => bench.workload(FOREVER, { tenant: tight }))
  await Promise.all(many.map(each => bench.submit(each)))
  const stuck = await waitFor(
    async () => (await engine.list(never)).find(({ id, reason }) => many.some(each => each.id === id) && reason !== undefined),
    { what: 'one says why it waits', withinMs: 90_000 },
  )
  assert.equal(stuck.state, 'pending')
  assert.equal(stuck.reason?.code, 'no-capacity')
  assert.match(stuck.reason.message, /no address/)
  await bench.end(...many.map(({ id }) => id))
})

test('a manager that speaks an API which would pass limits over is told of, and nothing is started through it', async () => {
  for (const proxy of harness.proxies) proxy.apiVersion = '1.40'
  const old = await harness.open({})
  await assert.rejects(
    old.submit(bench.workload(FOREVER), undefined, never),
    cause => cause instanceof EngineError && /1\.40/.test(cause.message) && /20\.10/.test(cause.reason.mend ?? ''),
  )
  await old.close()
  for (const proxy of harness.proxies) proxy.apiVersion = undefined
})
