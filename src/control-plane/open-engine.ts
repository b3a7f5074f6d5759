import { accountOfAgents } from '../agents/index.ts'
import { accountOfController } from '../controllers/index.ts'
import { createProcessEngine } from '../engines/index.ts'
import { hostId } from '../model/index.ts'
import { openDockerEngine } from './open-docker.ts'
import { openMarathonEngine, openMesosEngine } from './open-mesos.ts'
import { openSwarmEngine } from './open-swarm.ts'
import type { EngineOptions, OpenedEngine } from './opened-engine.ts'

/** Opens the engine that the configuration names. Rejects with an error that says the mend. */
export const openEngine = async (options: EngineOptions): Promise<OpenedEngine> => {
  const { engine } = options.config
  switch (engine.kind) {
    case 'process':
      return openProcessEngine(options)
    case 'docker':
      return openDockerEngine(options, engine)
    case 'swarm':
      return openSwarmEngine(options, engine)
    case 'mesos':
      return openMesosEngine(options, engine)
    case 'marathon':
      return openMarathonEngine(options, engine)
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
