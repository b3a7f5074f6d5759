import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { accountOfAgents } from '../agents/index.ts'
import { type Config, ConfigError, type DockerConfig } from '../config/index.ts'
import { accountOfController, type Programs } from '../controllers/index.ts'
import { createDockerEngine, createProcessEngine, type DaemonOptions, DockerPreparations, type Engine } from '../engines/index.ts'
import { programsInImages } from '../images/index.ts'
import { type ControllerId, hostId, tenantId } from '../model/index.ts'
import { type Clock, deadline, hasCode, type Random } from '../runtime/index.ts'
import type { Layout } from './layout.ts'

type Owner = { readonly uid: number; readonly gid: number }

/** An engine with what the control plane has to know of where its workloads live. */
export type OpenedEngine = AsyncDisposable & {
  readonly engine: Engine
  /** Who owns the home of a controller and the directories of its builds on this machine; undefined leaves them to who runs Manor. */
  ownerOfHome(controller: ControllerId): Owner | undefined
  ownerOfAgents(controller: ControllerId): Owner | undefined
  /** Programs as workloads of this engine find them. */
  programs(ofThisMachine: Programs): Programs
}

export type EngineOptions = {
  readonly config: Config
  readonly owner: string
  readonly layout: Layout
  readonly cacheDirectory: string
  readonly hostName: string
  readonly hookScript: string
  readonly clock: Clock
  readonly random: Random
  readonly onWarning: (message: string) => void
  /** Opens Manor's door for workloads that do not share its loopback; resolves to its port. */
  readonly openDoor: (listen: { readonly host: string; readonly port: number }, url?: string) => Promise<number>
}

/** Where containers look for Manor unless manor.yaml says otherwise: beside Manor's own port. */
const DOOR_PORT = 7_071
/** A daemon that is there answers in milliseconds; one that is being started by its first call may take longer. */
const PREPARE_TIMEOUT_MS = 60_000
/** Whose files are in containers: the images' own user, where Manor may give files away. */
const IMAGE_USER: Owner = { uid: 1_000, gid: 1_000 }

/** Opens the engine that the configuration names. Rejects with an error that says the mend. */
export const openEngine = async (options: EngineOptions): Promise<OpenedEngine> => {
  const { engine } = options.config
  switch (engine.kind) {
    case 'process':
      return openProcessEngine(options)
    case 'docker':
      return openDockerEngine(options, engine)
  }
}

const openProcessEngine = async ({ owner, layout, clock, random, hostName, onWarning }: EngineOptions): Promise<OpenedEngine> => {
  const engine = await createProcessEngine({ owner, directory: layout.engine, clock, random, hostId: hostId(hostName), onWarning })
  return {
    engine,
    ownerOfHome: id => engine.identityOf(accountOfController(id)),
    ownerOfAgents: id => engine.identityOf(accountOfAgents(id)),
    programs: programs => programs,
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  }
}

const openDockerEngine = async (options: EngineOptions, config: DockerConfig): Promise<OpenedEngine> => {
  const { owner, clock, random, onWarning, cacheDirectory, hookScript, config: whole } = options
  const found = await daemonsOf(config, options.hostName)
  const preparations = new DockerPreparations({ owner, daemons: found, clock })
  const limit = deadline(clock, PREPARE_TIMEOUT_MS)
  const host = whole.workloads?.listen?.host ?? (await preparations.doorAddress(limit.signal).finally(limit.done))
  if (host === undefined)
    throw new ConfigError(
      'No Docker daemon is on this machine, so it is not known where containers reach Manor: say workloads.listen in manor.yaml.',
    )
  const port = await options.openDoor({ host, port: whole.workloads?.listen?.port ?? DOOR_PORT }, whole.workloads?.url)
  const user = containerUser()
  const engine = await createDockerEngine({
    owner,
    daemons: found.map(daemon => withFirewall(daemon, port)),
    clock,
    random,
    registries: await registriesOf(config),
    userOf: () => user,
    onWarning,
  })
  return {
    engine,
    ownerOfHome: () => user,
    ownerOfAgents: () => user,
    programs: programs =>
      programsInImages({
        programs,
        loader: preparations,
        base: config.base === undefined ? { kind: 'machine' } : { kind: 'tar', file: config.base },
        hookScript,
        directory: join(cacheDirectory, 'images'),
      }),
    [Symbol.asyncDispose]: async () => {
      await engine.close()
      await preparations[Symbol.asyncDispose]()
    },
  }
}

/** Whoever runs Manor without rights can give nothing away, so containers run as that person. */
const containerUser = (): Owner => {
  const uid = process.getuid?.() ?? 0
  return uid === 0 ? IMAGE_USER : { uid, gid: process.getgid?.() || IMAGE_USER.gid }
}

/** Rules need root on the daemon's machine; elsewhere an operator sets them, and the host says that they are not there. */
const withFirewall = (daemon: DaemonOptions, port: number): DaemonOptions =>
  daemon.address.startsWith('unix://') && process.getuid?.() === 0 ? { ...daemon, firewall: { run: [], hostPorts: [port] } } : daemon

const daemonsOf = async ({ daemons }: DockerConfig, hostName: string): Promise<readonly DaemonOptions[]> => {
  if (daemons === undefined) return [{ host: hostId(hostName), address: process.env.DOCKER_HOST || 'unix:///var/run/docker.sock' }]
  return Promise.all(
    daemons.map(async ({ host, tls, reservedFor, ...rest }, index) => ({
      ...rest,
      host: hostId(host),
      ...(reservedFor === undefined ? {} : { reservedFor: tenantId(reservedFor) }),
      ...(tls === undefined
        ? {}
        : {
            tls: {
              ca: await readText(tls.ca, `engine.daemons.${index}.tls.ca`),
              cert: await readText(tls.cert, `engine.daemons.${index}.tls.cert`),
              key: await readText(tls.key, `engine.daemons.${index}.tls.key`),
            },
          }),
    })),
  )
}

const registriesOf = async ({ registries = {} }: DockerConfig): Promise<Record<string, { username: string; password: string }>> =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(registries).map(async ([name, { username, passwordFile }]) => {
        const password = (await readText(passwordFile, `engine.registries.${name}.passwordFile`)).trimEnd()
        return [name, { username, password }] as const
      }),
    ),
  )

const readText = async (path: string, field: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const why = hasCode(cause, 'ENOENT') ? 'is not there' : 'cannot be read'
    throw new ConfigError(`${field} is ${path}, which ${why}: give the path of a file that Manor may read.`, { cause })
  }
}
