import { ConfigError, type SwarmConfig } from '../config/index.ts'
import { createSwarmEngine, type SwarmDaemonOptions } from '../engines/index.ts'
import { programsInNamedImages } from '../images/index.ts'
import { containerUser, registriesOf, tlsOf, usualDaemon } from './containers.ts'
import type { EngineOptions, OpenedEngine } from './opened-engine.ts'

/** Opens the engine over a Swarm. Rejects with a ConfigError where it is not known how its nodes reach Manor. */
export const openSwarmEngine = async (options: EngineOptions, config: SwarmConfig): Promise<OpenedEngine> => {
  const { workloads } = options.config
  if (workloads?.listen === undefined)
    throw new ConfigError(
      'The nodes of a Swarm must reach Manor: say workloads.listen in manor.yaml, an address of this machine that they know.',
    )
  await options.openDoor(workloads.listen, workloads.url)
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

const daemonsOf = async ({ daemons }: SwarmConfig): Promise<readonly SwarmDaemonOptions[]> => {
  if (daemons === undefined) return [{ address: usualDaemon() }]
  return Promise.all(daemons.map(async ({ address, tls }, index) => ({ address, ...(await tlsOf(tls, index)) })))
}
