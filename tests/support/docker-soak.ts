/** Many short workloads through the engine, one after the other in so many lanes, and what is left of them afterwards. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { DockerEngine } from '../../src/engines/index.ts'
import { hostId, type Workload, workloadId } from '../../src/model/index.ts'
import type { Dockerd } from './docker.ts'
import { waitFor } from './wait.ts'

/** As many as the engine starts at a time: more would only wait. */
const LANES = 8
const never = new AbortController().signal

export type Soak = {
  readonly engine: DockerEngine
  readonly total: number
  workload(index: number): Workload
  /** Called after each that is gone, with how many are. */
  onGone?(gone: number): void
}

/** Starts each, waits until it has ended, stops and removes it, as the agents' room does. */
export const soak = async ({ engine, total, workload, onGone }: Soak): Promise<void> => {
  const ended = new Set<string>()
  const watching = new AbortController()
  const watch = (async () => {
    for await (const { id, state } of engine.watch(watching.signal)) if (state === 'ended') ended.add(id)
  })().catch((cause: unknown) => {
    if (!watching.signal.aborted) throw cause
  })
  let next = 0
  let gone = 0
  const lane = async (): Promise<void> => {
    while (next < total) {
      const one = workload(next++)
      await engine.submit(one, hostId('docker-1'), never)
      await waitFor(() => ended.has(one.id), { what: `${one.id} has ended`, withinMs: 60_000 })
      ended.delete(one.id)
      await engine.remove(one.id, never)
      onGone?.(++gone)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  watching.abort()
  await watch
}

export const soakWorkload = (owner: string, image: string, index: number, tenant: Workload['tenant']): Workload => ({
  id: workloadId(`agent.soak-${index}`),
  labels: { owner, kind: 'agent', noun: `soak-${index}`, epoch: 1 },
  tenant,
  account: `agents/${tenant}`,
  command: ['true'],
  environment: {},
  files: [{ path: 'secret', content: 'x', mode: 0o600 }],
  mounts: [],
  resources: { cpu: 0.5, memoryMb: 32, diskMb: 0 },
  ports: {},
  graceMs: 1_000,
  image,
})

/** What the daemon and the machine still have of this owner: containers, volumes, anonymous volumes, and dead processes that nobody reaped. */
export const leftoversOf = async ({ client, holder }: Dockerd, owner: string) => {
  const [containers, records, volumes, networks] = await Promise.all([
    client.listContainers([`manor.owner=${owner}`], never),
    client.listVolumes([`manor.owner=${owner}`], never),
    client.listVolumes([], never),
    client.listNetworks([`manor.owner=${owner}`], never),
  ])
  return {
    containers: containers.length,
    volumes: records.length + volumes.length,
    networks: networks.length,
    defunct: defunctIn(holder).length,
    shims: processesIn(holder).filter(pid => read(`/proc/${pid}/cmdline`).includes('containerd-shim')).length,
  }
}

/** The daemon, containerd and its shims: they are in the holder's network, and containers are not. */
const processesIn = (holder: number): string[] => {
  const network = networkOf(String(holder))
  return readdirSync('/proc').filter(pid => /^\d+$/.test(pid) && network !== undefined && networkOf(pid) === network)
}

/** Whoever has ended and was not waited for by its parent, which is one of these or this process. */
const defunctIn = (holder: number): string[] => {
  const parents = new Set([...processesIn(holder), String(process.pid)])
  return readdirSync('/proc').filter(pid => {
    const [, state = '', parent = ''] = /^State:\s(\S)[\s\S]*?^PPid:\s(\d+)/m.exec(read(`/proc/${pid}/status`)) ?? []
    return state === 'Z' && parents.has(parent)
  })
}

const networkOf = (pid: string): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return undefined
  }
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
