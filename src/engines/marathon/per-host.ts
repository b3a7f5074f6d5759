import type { Clock } from '../../runtime/index.ts'
import type { Agents, MesosAgent } from './agents.ts'
import { LABELS, ownerOf } from './app.ts'
import { type MarathonClient, MarathonRefusal } from './client.ts'
import type { Deployment, MarathonApp } from './wire.ts'

/**
 * What runs once on every agent, such as the volume service. Marathon has no word for it: it is an app with the constraint
 * `hostname UNIQUE`, whose instances are kept equal to the agents.
 */
export type PerHostService = {
  /** Part of the app's path: a DNS label. */
  readonly name: string
  /** What is run: a command line for `/bin/sh -c` on the agent itself, or an image with its arguments. */
  readonly run: { readonly cmd: string } | { readonly image: string; readonly args: readonly string[] }
  readonly cpus: number
  readonly memoryMb: number
  /** Ports on the agent, by name; the same on each. */
  readonly ports: Readonly<Record<string, number>>
  readonly environment: Readonly<Record<string, string>>
  /** More constraints, for example `["storage", "LIKE", "ebs"]`; `serves` must then say the same. */
  readonly constraints?: readonly (readonly string[])[]
  /** Which agents it is for; all of them unless told. */
  readonly serves?: (agent: MesosAgent) => boolean
}

export type PerHostState = { readonly wanted: number; readonly instances: number; readonly running: number }

/**
 * How long fewer agents must be seen before the number goes down. After a change of leader Mesos knows its agents only as they come back, for
 * which it gives them ten minutes (`--agent_reregister_timeout`); to follow that list down would end the service on hosts that are well.
 */
export const FEWER_AFTER_MS = 600_000

export type PerHostStep =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'create'; readonly instances: number }
  | { readonly kind: 'scale'; readonly instances: number; readonly force: boolean }

/**
 * What to do so that instances and agents are as many. Pure. A deployment of the app alone may be cancelled: it waits for a host that there
 * is no more. Of two tasks on one host there is no danger here, the constraint forbids it.
 */
export const decidePerHost = (
  app: MarathonApp | undefined,
  agents: number,
  fewerForMs: number,
  deployments: readonly Deployment[],
): PerHostStep => {
  if (app === undefined) return agents === 0 ? { kind: 'nothing' } : { kind: 'create', instances: agents }
  if (app.instances === agents) return { kind: 'nothing' }
  if (agents < app.instances && fewerForMs < FEWER_AFTER_MS) return { kind: 'nothing' }
  const locks = deployments.filter(({ affectedApps = [] }) => affectedApps.includes(app.id))
  if (locks.some(({ affectedApps = [] }) => affectedApps.some(id => id !== app.id))) return { kind: 'nothing' }
  return { kind: 'scale', instances: agents, force: locks.length > 0 }
}

export type PerHostOptions = {
  readonly owner: string
  readonly group: string
  readonly service: PerHostService
  readonly client: MarathonClient
  readonly agents: Agents
  readonly clock: Clock
}

export const perHostApp = ({ owner, group, service }: Pick<PerHostOptions, 'owner' | 'group' | 'service'>, instances: number): unknown => ({
  id: `${group}/${service.name}`,
  instances,
  cpus: service.cpus,
  mem: service.memoryMb,
  disk: 0,
  ...('cmd' in service.run ? { cmd: service.run.cmd } : { args: service.run.args, ...docker(service.run.image) }),
  networks: [{ mode: 'host' }],
  portDefinitions: Object.entries(service.ports).map(([name, port]) => ({ port, name, protocol: 'tcp' })),
  requirePorts: true,
  env: service.environment,
  labels: { [LABELS.owner]: owner, 'manor.service': service.name },
  constraints: [['hostname', 'UNIQUE'], ...(service.constraints ?? [])],
  // Each host has room for one, so the old one must go first, wherever it is; what it mounted stays mounted meanwhile.
  upgradeStrategy: { minimumHealthCapacity: 0, maximumOverCapacity: 0 },
  // A silent host keeps nobody else's place: Marathon gives its instance up, and one is there again when the host is.
  unreachableStrategy: { inactiveAfterSeconds: 60, expungeAfterSeconds: 120 },
  backoffSeconds: 1,
  maxLaunchDelaySeconds: 60,
})

const docker = (image: string): object => ({ container: { type: 'DOCKER', docker: { image } } })

export class PerHost {
  readonly #options: PerHostOptions
  #fewerSince: number | undefined

  constructor(options: PerHostOptions) {
    this.#options = options
  }

  get id(): string {
    return `${this.#options.group}/${this.#options.service.name}`
  }

  /** Looks, does the one thing that is to be done, and says how it stands. */
  async step(signal: AbortSignal): Promise<PerHostState> {
    const { agents, client, clock, service, owner } = this.#options
    const serves = service.serves ?? ((): boolean => true)
    const wanted = (await agents.list(signal)).filter(agent => agent.active && serves(agent)).length
    const app = await client.app(this.id, signal)
    if (app !== undefined && ownerOf(app) !== owner) throw new TypeError(`Marathon's app ${this.id} is not this Manor's.`)
    if (app === undefined || wanted >= app.instances) this.#fewerSince = undefined
    else this.#fewerSince ??= clock.monotonic()
    const fewerForMs = this.#fewerSince === undefined ? 0 : clock.monotonic() - this.#fewerSince
    const deployments = app === undefined || app.instances === wanted ? [] : await client.deployments(signal)
    const step = decidePerHost(app, wanted, fewerForMs, deployments)
    try {
      if (step.kind === 'create') await client.create(perHostApp(this.#options, step.instances), signal)
      if (step.kind === 'scale') await client.change(this.id, { instances: step.instances }, step.force, signal)
    } catch (cause) {
      // Somebody was quicker: the next step sees how it is.
      if (!(cause instanceof MarathonRefusal) || cause.status !== 409) throw cause
    }
    return { wanted, instances: step.kind === 'nothing' ? (app?.instances ?? 0) : step.instances, running: app?.tasksRunning ?? 0 }
  }

  async remove(signal: AbortSignal): Promise<void> {
    await this.#options.client.delete(this.id, signal).catch(cause => {
      if (!(cause instanceof MarathonRefusal) || cause.status !== 404) throw cause
    })
  }
}
