import { ConfigError, type SwarmConfig } from '../config/index.ts'
import { createSwarmEngine, type SwarmDaemonOptions, type SwarmFound, SwarmPreparations } from '../engines/index.ts'
import { askFirst, containerUser, programsFor, registriesOf, tlsOf, usualDaemon } from './containers.ts'
import { DOOR_PORT, type EngineOptions, type OpenedEngine } from './opened-engine.ts'

/** Opens the engine over a Swarm. Rejects with a ConfigError where there is none, or where it is not known how its nodes reach Manor. */
export const openSwarmEngine = async (options: EngineOptions, config: SwarmConfig): Promise<OpenedEngine> => {
  const { owner, clock, onWarning, config: whole } = options
  await using undo = new AsyncDisposableStack()
  const daemons = await daemonsOf(config)
  const preparations = undo.use(new SwarmPreparations({ owner, daemons, clock }))
  const found = await askFirst(clock, signal => preparations.find(signal))
  checkSwarm(found, daemons)
  const host = whole.workloads?.listen?.host ?? (await askFirst(clock, signal => doorAddress(preparations, config, found, signal)))
  await options.openDoor({ host, port: whole.workloads?.listen?.port ?? DOOR_PORT }, whole.workloads?.url)
  const narrow = narrowness(config, found)
  if (narrow !== undefined) onWarning(narrow)
  const user = containerUser()
  const engine = undo.use(
    await createSwarmEngine({
      owner,
      daemons,
      clock,
      random: options.random,
      registries: await registriesOf(config),
      brought: image => preparations.brought(image),
      sharedPaths: config.sharedPaths ?? [],
      encryptedOverlays: config.encrypted ?? false,
      userOf: () => user,
      onWarning,
    }),
  )
  const opened = undo.move()
  return {
    engine,
    ownerOfHome: () => user,
    ownerOfAgents: () => user,
    programs: programsFor(config, preparations, options),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Daemons that are silent are waited for; those that answer and can never do are refused. */
const checkSwarm = ({ kind }: SwarmFound, daemons: readonly SwarmDaemonOptions[]): void => {
  const asked = daemons.map(({ address }) => address).join(', ')
  if (kind === 'none')
    throw new ConfigError(
      `Docker at ${asked} is in no Swarm: make one of it with "docker swarm init", or name a Swarm's under engine.daemons.`,
    )
  if (kind === 'no-manager')
    throw new ConfigError(
      `None of ${asked} is a manager of the Swarm: name one under engine.daemons, or make one: docker node promote NODE.`,
    )
}

/**
 * Where workloads reach Manor. Those that this machine's directories bind to it reach the gateway of a network on which nobody is; those on
 * other nodes do not.
 */
const doorAddress = async (
  preparations: SwarmPreparations,
  { sharedPaths = [] }: SwarmConfig,
  found: SwarmFound,
  signal: AbortSignal,
): Promise<string> => {
  const address = found.kind === 'found' ? (found.here?.address ?? '') : ''
  if (sharedPaths.length > 0)
    throw new ConfigError(
      `The nodes of a Swarm must reach Manor: say in manor.yaml on which address of this machine, such as workloads: { listen: { host: ${address === '' ? 'ADDRESS' : address}, port: ${DOOR_PORT} } }.`,
    )
  const gateway = await preparations.doorAddress(signal)
  if (gateway !== undefined) return gateway
  throw new ConfigError(
    'No Docker daemon is on this machine, so it is not known where the nodes of the Swarm reach Manor: say workloads.listen in manor.yaml.',
  )
}

/** What keeps work from nodes that are there, with what would let it go to them. Undefined where nothing does. */
const narrowness = ({ sharedPaths = [], images }: SwarmConfig, found: SwarmFound): string | undefined => {
  if (found.kind !== 'found' || found.hosts === 1) return undefined
  if (sharedPaths.length === 0)
    return "Everything runs on this machine's node: homes are directories of it. To use the other nodes, put Manor's home on a file system that every node has at the same place, and name that under engine.sharedPaths."
  if (images !== undefined || found.unreached.length === 0) return undefined
  return `Manor makes its images itself and brings them to the nodes whose daemons it reaches. Nothing is started on ${found.unreached.join(', ')}: name their daemons under engine.daemons, or put images into a registry and name them under engine.images.`
}

const daemonsOf = async ({ daemons }: SwarmConfig): Promise<readonly SwarmDaemonOptions[]> => {
  if (daemons === undefined) return [{ address: usualDaemon() }]
  return Promise.all(daemons.map(async ({ address, tls }, index) => ({ address, ...(await tlsOf(tls, index)) })))
}
