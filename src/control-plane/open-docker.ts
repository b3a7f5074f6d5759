import { ConfigError, type DockerConfig } from '../config/index.ts'
import { createDockerEngine, type DaemonOptions, type DockerEngineOptions, DockerPreparations } from '../engines/index.ts'
import { hostId, tenantId } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { askFirst, containerUser, programsFor, registriesOf, tlsOf, usualDaemon } from './containers.ts'
import { DOOR_PORT, type EngineOptions, type OpenedEngine } from './opened-engine.ts'
import { placedOn } from './placed-on.ts'

/** Rejects where no daemon answers, or where it is not known how containers reach Manor. */
export const openDockerEngine = async (options: EngineOptions, config: DockerConfig): Promise<OpenedEngine> => {
  const { owner, clock, random, onWarning, config: whole } = options
  const found = await daemonsOf(config, options.hostName)
  const preparations = new DockerPreparations({ owner, daemons: found, clock })
  const host = whole.workloads?.listen?.host ?? (await askFirst(clock, signal => preparations.doorAddress(signal)))
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
    ...pullsOf(config, options.store),
    userOf: () => user,
    placedOn: host => placedOn(options.store, owner, host),
    onWarning,
  })
  return {
    engine,
    ownerOfHome: () => user,
    ownerOfAgents: () => user,
    programs: programsFor(config, preparations, options),
    [Symbol.asyncDispose]: async () => {
      await engine.close()
      await preparations[Symbol.asyncDispose]()
    },
  }
}

/** What is pulled, and what of it in advance: what templates name, and the images that Manor was given for all others. */
const pullsOf = (
  { pullPolicy, prePull, images }: DockerConfig,
  store: Pick<Store, 'list'>,
): Pick<DockerEngineOptions, 'pullPolicy' | 'imagesWanted'> => {
  if (prePull && pullPolicy === 'never')
    throw new ConfigError(
      'engine.prePull is true, and engine.pullPolicy is never: nothing could be pulled in advance. Leave one of them out.',
    )
  const given = images === undefined ? [] : [images.controller, images.agent]
  return {
    ...(pullPolicy === undefined ? {} : { pullPolicy }),
    ...(prePull ? { imagesWanted: () => [...given, ...store.list('template').flatMap(({ image }) => image ?? [])] } : {}),
  }
}

/** Rules need root on the daemon's machine; elsewhere an operator sets them, and the host says that they are not there. */
const withFirewall = (daemon: DaemonOptions, port: number): DaemonOptions =>
  daemon.address.startsWith('unix://') && process.getuid?.() === 0 ? { ...daemon, firewall: { run: [], hostPorts: [port] } } : daemon

const daemonsOf = async ({ daemons }: DockerConfig, hostName: string): Promise<readonly DaemonOptions[]> => {
  if (daemons === undefined) return [{ host: hostId(hostName), address: usualDaemon() }]
  return Promise.all(
    daemons.map(async ({ host, tls, reservedFor, ...rest }, index) => ({
      ...rest,
      host: hostId(host),
      ...(reservedFor === undefined ? {} : { reservedFor: tenantId(reservedFor) }),
      ...(await tlsOf(tls, index)),
    })),
  )
}
