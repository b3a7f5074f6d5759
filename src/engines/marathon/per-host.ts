import { createHash } from 'node:crypto'
import type { Milliseconds } from '../../model/index.ts'
import { type Clock, deadline } from '../../runtime/index.ts'
import type { Agents, MesosAgent } from './agents.ts'
import { LABELS, ownerOf } from './app.ts'
import { type MarathonClient, MarathonRefusal } from './client.ts'
import type { Deployment, MarathonApp } from './wire.ts'

/**
 * What runs once on every agent: a volume service, say, or something that fetches images ahead. Marathon has no word for it, so it is an app
 * with the constraint `hostname UNIQUE` whose instances are kept equal to the agents.
 */
export type PerHostService = {
  /** Last word of the app's path: a DNS label. */
  readonly name: string
  /** What is run: a command line for `/bin/sh -c` on the agent itself, or an image with its arguments. */
  readonly run: { readonly command: string } | { readonly image: string; readonly args: readonly string[] }
  readonly cpu: number
  readonly memoryMb: number
  /** Ports on the agent, by name; the same on each. */
  readonly ports: Readonly<Record<string, number>>
  readonly environment: Readonly<Record<string, string>>
  /** Only agents that have all of these attributes as texts; every agent where there are none. */
  readonly attributes: Readonly<Record<string, string>>
}

/**
 * How long fewer agents must be seen before the number goes down. After a change of leader Mesos knows its agents only as they come back, for
 * which it gives them ten minutes (`--agent_reregister_timeout`); to follow that list down would end the service on hosts that are well.
 */
export const FEWER_AFTER_MS: Milliseconds = 600_000

export type PerHostStep =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'create'; readonly instances: number }
  | { readonly kind: 'scale'; readonly instances: number; readonly force: boolean }
  /** The service is described otherwise than its app. */
  | { readonly kind: 'replace'; readonly instances: number }

/**
 * What to do so that instances and agents are as many. Pure. A deployment of the app alone may be cancelled by another number: it waits for a
 * host that there is no more. A new description waits for it. Of two tasks on one host there is no danger here, the constraint forbids it.
 */
export const decidePerHost = (
  app: MarathonApp | undefined,
  description: string,
  agents: number,
  fewerForMs: Milliseconds,
  deployments: readonly Deployment[],
): PerHostStep => {
  if (app === undefined) return agents === 0 ? { kind: 'nothing' } : { kind: 'create', instances: agents }
  const instances = agents < app.instances && fewerForMs < FEWER_AFTER_MS ? app.instances : agents
  const locks = deployments.filter(({ affectedApps = [] }) => affectedApps.includes(app.id))
  if (app.labels?.[DESCRIPTION_LABEL] !== description) return locks.length > 0 ? { kind: 'nothing' } : { kind: 'replace', instances }
  if (instances === app.instances) return { kind: 'nothing' }
  if (locks.some(({ affectedApps = [] }) => affectedApps.some(id => id !== app.id))) return { kind: 'nothing' }
  return { kind: 'scale', instances, force: locks.length > 0 }
}

const SERVICE_LABEL = 'manor.service'
const DESCRIPTION_LABEL = 'manor.description'
/** No tenant's group is named so: it has dots. */
const GROUP = 'on.each.host'

const appOf = (owner: string, id: string, service: PerHostService): Readonly<Record<string, unknown>> => ({
  id,
  cpus: service.cpu,
  mem: service.memoryMb,
  disk: 0,
  ...('command' in service.run
    ? { cmd: service.run.command }
    : { args: service.run.args, container: { type: 'DOCKER', docker: { image: service.run.image } } }),
  networks: [{ mode: 'host' }],
  portDefinitions: Object.entries(service.ports).map(([name, port]) => ({ port, name, protocol: 'tcp' })),
  requirePorts: true,
  env: service.environment,
  labels: { [LABELS.owner]: owner, [SERVICE_LABEL]: service.name },
  constraints: [
    ['hostname', 'UNIQUE'],
    ...Object.entries(service.attributes).map(([name, value]) => [name, 'LIKE', value.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')]),
  ],
  // Each host has room for one, so the old one must go first, wherever it is; what it mounted stays mounted meanwhile.
  upgradeStrategy: { minimumHealthCapacity: 0, maximumOverCapacity: 0 },
  // A silent host keeps nobody else's place: Marathon gives its instance up, and one is there again when the host is.
  unreachableStrategy: { inactiveAfterSeconds: 60, expungeAfterSeconds: 120 },
  backoffSeconds: 1,
  maxLaunchDelaySeconds: 60,
})

const serves = ({ attributes }: PerHostService, { active, agent_info }: MesosAgent): boolean =>
  active &&
  Object.entries(attributes).every(([name, value]) =>
    (agent_info.attributes ?? []).some(attribute => attribute.name === name && attribute.text?.value === value),
  )

export type PerHostOptions = {
  readonly owner: string
  readonly group: string
  /** All of them: an app of this owner for a service that is not among these is removed. */
  readonly services: readonly PerHostService[]
  readonly client: MarathonClient
  readonly agents: Agents
  readonly clock: Clock
  readonly pollMs: Milliseconds
  readonly onWarning: (sentence: string) => void
}

/** How long one look with all it leads to may take. */
const TURN_MS: Milliseconds = 60_000

/** Keeps the services that run once on every agent, as long as it is open; they outlive it. */
export class PerHost {
  readonly #options: PerHostOptions
  readonly #end = new AbortController()
  /** Since when fewer agents are seen than a service has instances, on the monotonic clock. */
  readonly #fewerSince = new Map<string, number>()
  #running: Promise<void> | undefined
  #othersRemoved = false
  #failing = false

  constructor(options: PerHostOptions) {
    this.#options = options
  }

  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#end.abort(new DOMException('The Marathon engine was closed.', 'AbortError'))
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, pollMs, services, onWarning } = this.#options
    const { signal } = this.#end
    while (!signal.aborted) {
      const limit = deadline(clock, TURN_MS, signal)
      try {
        await this.#removeOthers(limit.signal)
        for (const service of services) await this.#keep(service, limit.signal)
        this.#failing = false
        if (services.length === 0) return
      } catch (cause) {
        // Once for each time that it begins to fail.
        if (!signal.aborted && !this.#failing)
          onWarning(`What runs on each host could not be looked after: ${cause instanceof Error ? cause.message : String(cause)}`)
        this.#failing = true
      } finally {
        limit.done()
      }
      await clock.sleep(pollMs, signal).catch(() => undefined)
    }
  }

  async #keep(service: PerHostService, signal: AbortSignal): Promise<void> {
    const { agents, client, clock, owner, group } = this.#options
    const id = `${group}/${GROUP}/${service.name}`
    const definition = appOf(owner, id, service)
    const description = createHash('sha256').update(JSON.stringify(definition)).digest('hex').slice(0, 16)
    const wanted = (await agents.list(signal)).filter(agent => serves(service, agent)).length
    const app = await client.app(id, signal)
    if (app !== undefined && ownerOf(app) !== owner) throw new TypeError(`Marathon's app ${id} is not this Manor's.`)
    const isFewer = app !== undefined && wanted < app.instances
    const since = isFewer ? (this.#fewerSince.get(service.name) ?? clock.monotonic()) : clock.monotonic()
    if (isFewer) this.#fewerSince.set(service.name, since)
    else this.#fewerSince.delete(service.name)
    // Read last, right before what it is for.
    const deployments = app === undefined ? [] : await client.deployments(signal)
    const step = decidePerHost(app, description, wanted, clock.monotonic() - since, deployments)
    if (step.kind === 'nothing') return
    const whole = {
      ...definition,
      instances: step.instances,
      labels: { ...(definition.labels as Readonly<Record<string, string>>), [DESCRIPTION_LABEL]: description },
    }
    try {
      if (step.kind === 'create') await client.create(whole, signal)
      else if (step.kind === 'replace') await client.replace(id, whole, signal)
      else await client.change(id, { instances: step.instances }, step.force, signal)
    } catch (cause) {
      // Somebody was quicker: the next look sees how it is.
      if (!(cause instanceof MarathonRefusal) || cause.status !== 409) throw cause
    }
  }

  /** Services do not change while a Manor runs, so what is left of earlier ones is looked for once. */
  async #removeOthers(signal: AbortSignal): Promise<void> {
    if (this.#othersRemoved) return
    const { client, owner, services } = this.#options
    for (const { id, labels = {} } of await client.apps(`${LABELS.owner}==${owner},${SERVICE_LABEL}`, signal)) {
      if (services.some(({ name }) => name === labels[SERVICE_LABEL])) continue
      await client.delete(id, signal).catch(cause => {
        if (!(cause instanceof MarathonRefusal) || cause.status !== 404) throw cause
      })
    }
    this.#othersRemoved = true
  }
}
