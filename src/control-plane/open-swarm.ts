import { ConfigError, type SwarmConfig } from '../config/index.ts'
import { createSwarmEngine, type SwarmDaemonOptions } from '../engines/index.ts'
import { programsInNamedImages } from '../images/index.ts'
import { DOOR_PORT, type EngineOptions, type OpenedEngine, type Owner, readText } from './opened-engine.ts'

/** Whose files are in containers: the images' own user, where Manor may give files away. */
const IMAGE_USER: Owner = { uid: 1_000, gid: 1_000 }

/** Opens the engine over a Swarm. Rejects with a ConfigError where it is not known how its nodes reach Manor. */
export const openSwarmEngine = async (options: EngineOptions, config: SwarmConfig): Promise<OpenedEngine> => {
  const { workloads } = options.config
  if (workloads?.listen === undefined)
    throw new ConfigError(
      'The nodes of a Swarm must reach Manor: say workloads.listen in manor.yaml, an address of this machine that they know.',
    )
  await options.openDoor({ host: workloads.listen.host, port: workloads.listen.port || DOOR_PORT }, workloads.url)
  const user = containerUser()
  const engine = await createSwarmEngine({
    owner: options.owner,
    daemons: await daemonsOf(config),
    clock: options.clock,
    random: options.random,
    registries: await registriesOf(config),
    sharedPaths: config.sharedPaths ?? [],
    encryptedOverlays: config.encrypted ?? false,
    userOf: () => user,
    onWarning: options.onWarning,
  })
  return {
    engine,
    ownerOfHome: () => user,
    ownerOfAgents: () => user,
    programs: programs => programsInNamedImages(programs, config.images),
    [Symbol.asyncDispose]: () => engine.close(),
  }
}

/** Whoever runs Manor without rights can give nothing away, so containers run as that person. */
const containerUser = (): Owner => {
  const uid = process.getuid?.() ?? 0
  return uid === 0 ? IMAGE_USER : { uid, gid: process.getgid?.() || IMAGE_USER.gid }
}

const daemonsOf = async ({ daemons }: SwarmConfig): Promise<readonly SwarmDaemonOptions[]> => {
  if (daemons === undefined) return [{ address: process.env.DOCKER_HOST || 'unix:///var/run/docker.sock' }]
  return Promise.all(
    daemons.map(async ({ address, tls }, index) => {
      if (tls === undefined) return { address }
      const [ca, cert, key] = await Promise.all(
        (['ca', 'cert', 'key'] as const).map(name => readText(tls[name], `engine.daemons.${index}.tls.${name}`)),
      )
      return { address, tls: { ca: ca ?? '', cert: cert ?? '', key: key ?? '' } }
    }),
  )
}

const registriesOf = async ({ registries = {} }: SwarmConfig): Promise<Record<string, { username: string; password: string }>> =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(registries).map(async ([name, { username, passwordFile }]) => {
        const password = (await readText(passwordFile, `engine.registries.${name}.passwordFile`)).trimEnd()
        return [name, { username, password }] as const
      }),
    ),
  )
