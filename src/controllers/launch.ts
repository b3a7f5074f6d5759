import { dirname } from 'node:path'
import {
  type Controller,
  type ControllerEndpoint,
  type ControllerId,
  type DistributionName,
  shareOfHost,
  type Workload,
  type WorkloadFile,
  type WorkloadMount,
} from '../model/index.ts'
import { LOOPBACK, TERMINATION_GRACE_MS } from './decide.ts'
import type { Capabilities, InstanceSecrets, LaunchPlan, Program, ProgramImages } from './distributions/distribution.ts'
import type { HookPolicy } from './hook-policy.ts'
import type { ControllerPorts } from './ports.ts'
import { openSecrets, secretFile } from './secrets.ts'

/** The path under which a controller serves, on its own port and through the router alike: rewriting it in between is fraught. */
export const prefixOf = (id: string): string => `/${id}`

/** Who a controller runs as: nobody else does, its builds least of all, since its policy file and home hold the keys to all of it. */
export const accountOfController = (id: ControllerId): string => `controller/${id}`

export const ADMIN_NAME = 'manor'
const POLICY_FILE = 'policy.json'
/** Where a program that takes its hook from the home looks: Hudson runs no other script than this one. */
export const HOOK_FILE = 'init.groovy'

/** The program a controller runs: its pinned version, so that a restart is never an upgrade by accident. */
export const provideProgram = async (ports: ControllerPorts, controller: Controller, signal: AbortSignal): Promise<Program> => {
  const { distribution, version, war } = controller.spec
  const wanted = version ?? controller.pinnedVersion
  const { program } = await ports.programs.provide(
    { distribution, ...(wanted === undefined ? {} : { version: wanted }), ...(war === undefined ? {} : { war }) },
    step => ports.onProgress(controller.id, step),
    signal,
  )
  return program
}

/** The program turned out to be of another distribution than the row says, which only an owner's war can. */
export class OtherDistribution extends Error {
  override readonly name = 'OtherDistribution'
  readonly distribution: DistributionName
  constructor(distribution: DistributionName) {
    super(`The war is a ${distribution}.`)
    this.distribution = distribution
  }
}

/** Carries out the `launch` step up to the engine's door: program, home, workload. Each part is idempotent. */
export const launchController = async (ports: ControllerPorts, controller: Controller, signal: AbortSignal): Promise<Program> => {
  const { workload: id, endpoint } = controller
  const secrets = openSecrets(ports.store, ports.seal, controller.id)
  if (id === undefined || endpoint === undefined || secrets === undefined)
    throw new TypeError(`Controller ${controller.id} was launched without an intent.`)
  const program = await provideProgram(ports, controller, signal)
  if (program.distribution !== controller.spec.distribution) throw new OtherDistribution(program.distribution)
  const distribution = ports.distribution(program.distribution)
  const { capabilities } = distribution
  const hookInHome: WorkloadFile[] = capabilities.hookOutsideHome ? [] : [{ path: HOOK_FILE, content: ports.hook.script, mode: 0o644 }]
  const home = await ports.homes.prepare(controller.id, distribution.homeFiles(secrets), hookInHome, signal)
  const plan = distribution.controllerCommand({
    program,
    home,
    hookRoot: capabilities.hookOutsideHome ? (program.images?.hookRoot ?? ports.hook.root) : home,
    policyFile: `{dir}/${POLICY_FILE}`,
    prefix: prefixOf(controller.id),
    listenAddress: ports.engine.listenAddress ?? LOOPBACK,
    ...portWords(ports, endpoint),
    memoryMb: controller.spec.memoryMb,
    temporaryDirectory: '{dir}/tmp',
  })
  const seen = [
    ...(capabilities.hookOutsideHome && program.images === undefined ? [ports.hook.root] : []),
    // The directory, not the file: the file is replaced as a whole, and a mount of it alone would go on showing the old one.
    ...(ports.urlFile === undefined ? [] : [dirname(ports.urlFile)]),
  ]
  const mounts = [readWrite(home), ...programMounts(program), ...[...new Set(seen)].map(readOnly)]
  await ports.engine.submit(
    workloadOf(ports, controller, {
      plan,
      home,
      mounts,
      images: program.images,
      policy: policyOf(ports, controller, endpoint, capabilities, secrets),
    }),
    controller.host,
    signal,
  )
  return program
}

const readWrite = (path: string): WorkloadMount => ({ source: path, target: path, readOnly: false })
const readOnly = (path: string): WorkloadMount => ({ source: path, target: path, readOnly: true })

/**
 * What a program needs to see of the host: its war, its Java, and whatever else it names. The war alone, since an owner's lies beside whatever
 * else that person keeps there, a home of Manor perhaps.
 */
export const programMounts = (program: Program): WorkloadMount[] =>
  program.images ? [] : [program.war, dirname(dirname(program.java)), ...Object.values(program.extras)].map(readOnly)

const policyOf = (
  ports: ControllerPorts,
  controller: Controller,
  endpoint: ControllerEndpoint,
  capabilities: Capabilities,
  secrets: InstanceSecrets,
): HookPolicy => ({
  controller: controller.id,
  epoch: controller.epoch,
  url: ports.manorUrl(),
  ...(ports.urlFile === undefined ? {} : { urlFile: ports.urlFile }),
  token: secrets.hookToken,
  distribution: controller.spec.distribution,
  agents: capabilities.agents,
  agentPort: portWords(ports, endpoint).agentPort,
  admin: { name: ADMIN_NAME, password: secrets.adminPassword, ...(capabilities.apiTokens ? { apiToken: secrets.apiToken } : {}) },
})

/** A run's ports as its command and its policy name them: as words that the engine puts numbers in place of, where those are its to choose. */
const portWords = ({ engine }: ControllerPorts, { httpPort, agentPort }: ControllerEndpoint) => ({
  httpPort: engine.choosesPorts ? '{port:http}' : httpPort,
  agentPort: agentPort === undefined ? NO_PORT : engine.choosesPorts ? '{port:agent}' : agentPort,
})

/** Agents come by another way, so the listener stays closed. */
const NO_PORT = -1

type Parts = {
  readonly plan: LaunchPlan
  readonly home: string
  readonly mounts: readonly WorkloadMount[]
  readonly images: ProgramImages | undefined
  readonly policy: HookPolicy
}

const workloadOf = (ports: ControllerPorts, controller: Controller, { plan, home, mounts, images, policy }: Parts): Workload => {
  const { spec, endpoint } = controller
  if (controller.workload === undefined || endpoint === undefined) throw new TypeError(`Controller ${controller.id} has no intent.`)
  return {
    id: controller.workload,
    labels: { owner: ports.owner, kind: 'controller', noun: controller.id, epoch: controller.epoch },
    tenant: controller.tenant,
    account: accountOfController(controller.id),
    command: images === undefined ? plan.command : [images.start, ...plan.command],
    ...(images === undefined ? {} : { image: images.controller }),
    environment: plan.environment,
    workingDirectory: home,
    files: [...plan.files, secretFile(POLICY_FILE, JSON.stringify(policy))],
    mounts,
    resources: { cpu: spec.cpu, memoryMb: spec.memoryMb, diskMb: spec.diskMb },
    promised: shareOfHost(spec),
    ports: { http: endpoint.httpPort, ...(endpoint.agentPort === undefined ? {} : { agent: endpoint.agentPort }) },
    graceMs: TERMINATION_GRACE_MS,
  }
}
