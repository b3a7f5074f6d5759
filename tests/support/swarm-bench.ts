/** What the Swarm tests beside the conformance suite work with: small workloads, looks until something is so, and the Swarm's own API. */
import assert from 'node:assert/strict'
import { type Bench, createBench } from '../../src/engines/conformance/harness.ts'
import { EngineError } from '../../src/engines/index.ts'
import { networkName, serviceName } from '../../src/engines/swarm/names.ts'
import type { HostId, HostState, Observation, TenantId, Workload, WorkloadId } from '../../src/model/index.ts'
import type { ProxyFault } from './docker-proxy.ts'
import type { SwarmNode, SwarmOptions } from './swarm.ts'
import { dockerCall } from './swarm-call.ts'
import { type SwarmHarness, swarmHarness } from './swarm-engine.ts'
import { waitFor } from './wait.ts'

export const never = new AbortController().signal
/** Runs until it is asked to end. */
export const FOREVER = `echo started; trap 'exit 0' TERM; while :; do sleep 0.2; done`
const small = { cpu: 0.1, memoryMb: 64, diskMb: 0 }

export type SwarmBench = Bench & {
  readonly harness: SwarmHarness
  controller(script: string, more?: Partial<Workload>): Workload
  runs(id: WorkloadId): Promise<Observation>
  startedOnce(id: WorkloadId): Promise<void>
  /** Ends them at once and removes them. */
  end(...ids: readonly WorkloadId[]): Promise<void>
  nodeOf(host: HostId | undefined): Promise<SwarmNode>
  hostState(host: HostId | undefined): Promise<HostState | undefined>
  /** The host of a node. */
  hostOf(node: SwarmNode): Promise<HostId>
  /** The next `times` calls of this kind go wrong at each manager. */
  everywhere(method: string, path: RegExp, fault: ProxyFault, times?: number): void
  /** The next call of this kind goes wrong at the manager that the engine asks first now. */
  first(method: string, path: RegExp, fault: ProxyFault): Promise<void>
  /** A call to the first manager, past the engine and its proxies. */
  call(method: string, path: string, body?: unknown): ReturnType<typeof dockerCall>
  /** The services, tasks, secrets, configs or networks that have a label. */
  labelled(what: string, label: string): ReturnType<typeof dockerCall>
  serviceOf(id: WorkloadId): ReturnType<typeof dockerCall>
  networkOf(tenant: TenantId, shard: number): string
  /** Changes a node as an operator does. */
  changeNode(node: SwarmNode, change: (spec: NodeSpec) => NodeSpec): Promise<void>
}

export type NodeSpec = { readonly Role: string; readonly Availability: string; readonly Labels: Readonly<Record<string, string>> }

export const swarmBench = async (shape: SwarmOptions): Promise<SwarmBench> => {
  const harness = await swarmHarness(shape)
  const bench = createBench(harness)
  const { engine, swarm, owner, proxies } = harness
  const call: SwarmBench['call'] = (method, path, body) => dockerCall(swarm.nodes[0]?.socket ?? '', method, path, body)
  const workload: Bench['workload'] = (script, more = {}) => bench.workload(script, { resources: small, ...more })
  const attributesOf = async (host: HostId | undefined) => (await engine.hosts(never)).find(({ id }) => id === host)?.attributes
  return {
    ...bench,
    harness,
    workload,
    controller: (script, more = {}) => {
      const made = workload(script, more)
      return { ...made, labels: { ...made.labels, kind: 'controller', noun: `c-${made.labels.noun}` } }
    },
    runs: id => bench.until(id, 'running', ({ state }) => state === 'running'),
    startedOnce: async id => {
      const log = await bench.said(id, 'started')
      assert.equal(log.split('started').length - 1, 1, log)
    },
    end: async (...ids) => {
      for (const id of ids) await engine.stop(id, 0, never)
      for (const id of ids) await bench.ended(id)
      // One that never had an address may be given it as others end, and is over a moment later.
      for (const id of ids)
        await waitFor(() => engine.remove(id, never).then(() => true, mayPass), { what: `${id} is removed`, withinMs: 30_000 })
    },
    nodeOf: async host => {
      const attributes = await attributesOf(host)
      const node = swarm.nodes.find(({ nodeId }) => nodeId === attributes?.node)
      assert.ok(node !== undefined, `no daemon is known for host ${host}`)
      return node
    },
    hostOf: async ({ nodeId }) => {
      const host = (await engine.hosts(never)).find(({ attributes }) => attributes.node === nodeId)
      assert.ok(host !== undefined)
      return host.id
    },
    hostState: async host => (await engine.hosts(never)).find(({ id }) => id === host)?.state,
    everywhere: (method, path, fault, times = 1) => {
      for (const proxy of proxies) proxy.fail(method, path, fault, times)
    },
    first: async (method, path, fault) => {
      const before = proxies.map(({ calls }) => calls.length)
      await engine.list(never)
      const asked = proxies.find(({ calls }, index) => calls.slice(before[index]).includes('GET /services'))
      assert.ok(asked !== undefined)
      asked.fail(method, path, fault)
    },
    call,
    labelled: (what, label) => call('GET', `/${what}?filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`),
    serviceOf: id => call('GET', `/services/${serviceName(owner, id)}`),
    networkOf: (tenant, shard) => networkName(owner, tenant, shard),
    changeNode: async ({ nodeId }, change) => {
      const { Spec, Version } = await call('GET', `/nodes/${nodeId}`)
      await call('POST', `/nodes/${nodeId}/update?version=${Version.Index}`, change(Spec))
    },
  }
}

/** For `waitFor`: false where the same call may succeed later. */
const mayPass = (cause: unknown): false => {
  if (cause instanceof EngineError && cause.retryable) return false
  throw cause
}
