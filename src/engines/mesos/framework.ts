import type { Random } from '../../runtime/index.ts'
import type { MesosEngineOptions } from './mesos-engine.ts'
import type { FrameworkInfo } from './wire.ts'

/** Tasks live on for so long while no Manor is there (Mesos' default is none at all: they would all be killed). */
const FAILOVER_SECONDS = 14 * 24 * 3_600

/**
 * The framework's id, chosen by us and kept before Mesos ever hears of it: an id that Mesos has not given is simply taken (fixture
 * stream-unknown-id). If it gave one, a crash before that was kept would leave a framework that nobody knows, with its tasks.
 */
export const frameworkId = async ({ frameworkIds, random }: MesosEngineOptions): Promise<string> => {
  const known = await frameworkIds.read()
  if (known !== undefined) return known
  const chosen = newId(random)
  if (await frameworkIds.swap(undefined, chosen)) return chosen
  const theirs = await frameworkIds.read()
  if (theirs === undefined) throw new TypeError('The framework id was taken and is gone.')
  return theirs
}

const newId = (random: Random): string => `manor-${Buffer.from(random.bytes(16)).toString('hex')}`

/**
 * Gives Manor a new framework in the place of one that Mesos has removed; the next engine that is opened uses it. For an operator to decide:
 * what still ran of the old one would be nobody's. Resolves to whether the id was still the one that was read.
 */
export const renewFramework = async ({ frameworkIds, random }: Pick<MesosEngineOptions, 'frameworkIds' | 'random'>): Promise<boolean> =>
  frameworkIds.swap(await frameworkIds.read(), newId(random))

/** The framework as Mesos is told of it, at each subscription and change. */
export const describeFramework = (options: MesosEngineOptions, id: string, roles: readonly string[]): FrameworkInfo => {
  const capabilities = ['MULTI_ROLE', 'PARTITION_AWARE', 'TASK_KILLING_STATE', 'RESERVATION_REFINEMENT']
  if (options.regions) capabilities.push('REGION_AWARE')
  if (options.gpus) capabilities.push('GPU_RESOURCES')
  if (options.revocable) capabilities.push('REVOCABLE_RESOURCES')
  return {
    user: options.user,
    name: 'manor',
    id: { value: id },
    failover_timeout: FAILOVER_SECONDS,
    // Without it the restart of an agent's process ends all its tasks.
    checkpoint: true,
    roles,
    ...(options.credentials === undefined ? {} : { principal: options.credentials.principal }),
    capabilities: capabilities.map(type => ({ type })),
  }
}
