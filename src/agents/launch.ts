import { dirname } from 'node:path'
import { openSecrets, prefixOf, programMounts } from '../controllers/index.ts'
import { EngineError } from '../engines/engine.ts'
import {
  type Agent,
  type Controller,
  type ControllerId,
  SECOND,
  type Template,
  type Workload,
  type WorkloadId,
  workloadId,
} from '../model/index.ts'
import { accessDenied } from './access.ts'
import { underLease } from './lease.ts'
import type { AgentsPorts } from './ports.ts'

/** From the polite signal to the kill. An agent that is stopped runs nothing, so it has nothing to finish. */
export const AGENT_GRACE_MS = 5 * SECOND

/** The workload of an agent: one for its whole life, so a second submit is the same one. */
export const workloadOfAgent = (agent: Pick<Agent, 'id'>): WorkloadId => workloadId(`agent.${agent.id}`)

/**
 * Who a controller's agents run as: they share its jars and nothing with it or with other controllers' builds. Builds of one controller are
 * not kept from each other: whoever may configure its jobs may run either.
 */
export const accountOfAgents = (controller: ControllerId): string => `agents/${controller}`

/**
 * Asks the engine for an agent's workload: program, directories, command. Idempotent. Rejects with an EngineError that is not retryable where
 * the agent can never start as it is.
 */
export const launchAgent = async (ports: AgentsPorts, agent: Agent, signal: AbortSignal): Promise<void> => {
  const { store, engine } = ports
  const controller = store.get('controller', agent.controller)
  const template = store.get('template', agent.template)
  if (template === undefined)
    throw refused(`Its template ${agent.template} was deleted.`, `Apply a template with its labels: ./manor template apply FILE.`)
  const denied = accessDenied(template, store.get('tenant', agent.tenant), engine)
  if (denied !== undefined) throw new EngineError(denied, false)
  if (controller?.endpoint === undefined) throw refused(`Its controller ${agent.controller} has no address.`, 'Start the controller.')
  await engine.submit(await workloadFor(ports, agent, controller, template, signal), agent.host, signal)
}

const refused = (message: string, mend: string): EngineError => new EngineError({ code: 'template-invalid', message, mend }, false)

const workloadFor = async (
  ports: AgentsPorts,
  agent: Agent,
  controller: Controller,
  template: Template,
  signal: AbortSignal,
): Promise<Workload> => {
  const { spec, endpoint, pinnedVersion } = controller
  const version = pinnedVersion ?? spec.version
  const { program } = await ports.programs.provide(
    {
      distribution: spec.distribution,
      ...(version === undefined ? {} : { version }),
      ...(spec.war === undefined ? {} : { war: spec.war }),
    },
    () => undefined,
    signal,
  )
  const agentJar = await ports.programs.agentJar(program, signal)
  const { jarCache } = await ports.directories.prepare(agent.id, controller, signal)
  const distribution = ports.distribution(program.distribution)
  const secrets = openSecrets(ports.store, ports.seal, controller.id)
  if (secrets === undefined || endpoint === undefined) throw new TypeError(`Controller ${controller.id} has no secrets or no endpoint.`)
  const workDirectory = ports.directories.workDirectory(agent.id)
  // Names of the tenant's own network mean nothing in the host's.
  const host = template.access?.hostNetwork ? endpoint.host : (endpoint.peerHost ?? endpoint.host)
  const url = `http://${host}:${endpoint.httpPort}${prefixOf(controller.id)}/`
  const secret = distribution.agentSecret(secrets, agent.id)
  const { memoryMb } = agent.resources
  const plan = distribution.agentCommand({ program, agentJar, url, name: agent.id, secret, workDirectory, jarCache, memoryMb })
  const { lease } = ports
  const command = template.command && fill(template.command, { java: program.java, agentJar, url, name: agent.id, workDirectory, memoryMb })
  const own = command ?? plan.command
  return {
    id: workloadOfAgent(agent),
    labels: { owner: ports.owner, kind: 'agent', noun: agent.id, epoch: agent.epoch },
    tenant: agent.tenant,
    account: accountOfAgents(controller.id),
    command: lease === undefined ? own : underLease(own, lease),
    environment: { ...plan.environment, ...template.environment },
    workingDirectory: workDirectory,
    files: [...plan.files, ...(template.command === undefined ? [] : [{ path: SECRET_FILE, content: secret, mode: 0o600 }])],
    mounts: [
      { source: workDirectory, target: workDirectory, readOnly: false },
      { source: jarCache, target: jarCache, readOnly: false },
      ...(lease === undefined ? [] : [{ source: dirname(lease.file), target: dirname(lease.file), readOnly: true }]),
      ...programMounts(program),
      ...(program.images === undefined ? [{ source: dirname(agentJar), target: dirname(agentJar), readOnly: true }] : []),
    ],
    ...imageOf(template.image ?? program.images?.agent),
    ...(template.access === undefined ? {} : { access: template.access }),
    resources: agent.resources,
    ports: {},
    graceMs: AGENT_GRACE_MS,
  }
}

const imageOf = (image: string | undefined): Pick<Workload, 'image'> => (image === undefined ? {} : { image })

/** Where a template's own command finds the secret. */
const SECRET_FILE = 'secret'

type Values = { java: string; agentJar: string; url: string; name: string; workDirectory: string; memoryMb: number }

/** A template's command with its placeholders filled in; templates.ts has refused unknown ones. `{dir}` is the engine's to fill. */
const fill = (command: readonly string[], values: Values): string[] => {
  const all: Readonly<Record<string, string>> = {
    ...values,
    memoryMb: String(values.memoryMb),
    secretFile: `{dir}/${SECRET_FILE}`,
  }
  return command.map(word => word.replaceAll(/\{([a-zA-Z]+)\}/g, (whole, name: string) => all[name] ?? whole))
}
