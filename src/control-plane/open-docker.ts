import { join } from 'node:path'
import { ConfigError, type DockerConfig } from '../config/index.ts'
import { createDockerEngine, type DaemonOptions, DockerPreparations } from '../engines/index.ts'
import { programsInImages, programsInNamedImages } from '../images/index.ts'
import { hostId, tenantId } from '../model/index.ts'
import { deadline } from '../runtime/index.ts'
import { DOOR_PORT, type EngineOptions, type OpenedEngine, type Owner, readText } from './opened-engine.ts'
import { placedOn } from './placed-on.ts'

/** A daemon that is there answers in milliseconds; one that is being started by its first call may take longer. */
const PREPARE_TIMEOUT_MS = 60_000
/** Whose files are in containers: the images' own user, where Manor may give files away. */
const IMAGE_USER: Owner = { uid: 1_000, gid: 1_000 }

/** Rejects where no daemon answers, or where it is not known how containers reach Manor. */
export const openDockerEngine = async (options: EngineOptions, config: DockerConfig): Promise<OpenedEngine> => {
  const { owner, clock, random, onWarning, cacheDirectory, hookScript, config: whole } = options
  const found = await daemonsOf(config, options.hostName)
  const preparations = new DockerPreparations({ owner, daemons: found, clock })
  const limit = deadline(clock, PREPARE_TIMEOUT_MS)
  const host = whole.workloads?.listen?.host ?? (await preparations.doorAddress(limit.signal).finally(limit.done))
  if (host === undefined)
    throw new ConfigError(
      'No Docker daemon is on this machine, so it is not known where containers reach Manor: say workloads.listen in manor.yaml.',
    )
  const { port } = await options.openDoor({ host, port: whole.workloads?.listen?.port ?? DOOR_PORT }, whole.workloads?.url)
  const user = containerUser()
  const engine = await createDockerEngine({
    owner,
    daemons: found.map(daemon => withFirewall(daemon, port)),
    clock,
    random,
    registries: await registriesOf(config),
    userOf: () => user,
    placedOn: host => placedOn(options.store, owner, host),
    onWarning,
  })
  return {
    engine,
    ownerOfHome: () => user,
    ownerOfAgents: () => user,
    programs: programs =>
      config.images === undefined
        ? programsInImages({
            programs,
            loader: preparations,
            base: config.base === undefined ? { kind: 'machine' } : { kind: 'tar', file: config.base },
            hookScript,
            directory: join(cacheDirectory, 'images'),
          })
        : programsInNamedImages(programs, config.images),
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
