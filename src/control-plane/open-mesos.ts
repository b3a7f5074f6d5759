import { join } from 'node:path'
import { ConfigError, type MarathonConfig, type MesosConfig } from '../config/index.ts'
import { prefixOf } from '../controllers/index.ts'
import {
  createMarathonEngine,
  createMesosEngine,
  createSplitEngine,
  type Engine,
  fixedLeaders,
  type LeaderDiscovery,
  type MesosEngine,
  type PerHostService,
  readZooKeeperAddress,
  renewFramework,
  ZooKeeperDiscovery,
} from '../engines/index.ts'
import { programsInNamedImages } from '../images/index.ts'
import { IMAGE_USER } from './containers.ts'
import { engineEventsIn } from './engine-events.ts'
import { beginTerm, frameworkIdsIn, taskRecordsIn } from './engine-records.ts'
import { DOOR_PORT, type EngineOptions, type OpenDoor, type OpenedEngine, readText } from './opened-engine.ts'

/** On one machine, with hosts that share its file system, this is where they reach Manor; a cluster's operator says another. */
const LOOPBACK = '127.0.0.1'

/** Controllers and agents as tasks of one framework. Rejects with a ConfigError where a setting cannot be right. */
export const openMesosEngine = async (options: EngineOptions, asked: MesosConfig): Promise<OpenedEngine> => {
  await openDoor(options)
  const { config, end } = await withDoubles(options, asked)
  const engine = await mesosOf(options, config, await loginOf(config))
  return opened(engine, config, async () => {
    await engine.close()
    await end()
  })
}

/** The settings with the addresses of doubles in them, where those are wanted. */
const withDoubles = async <Settings extends MesosConfig | MarathonConfig>(
  { startDoubles, layout, onWarning }: EngineOptions,
  config: Settings,
): Promise<{ readonly config: Settings; end(): Promise<void> }> => {
  if (config.double !== true) return { config, end: async () => undefined }
  if (startDoubles === undefined) throw new ConfigError('engine.double is true, and this Manor has no doubles: name a cluster instead.')
  const doubles = await startDoubles(config.kind, join(layout.engine, 'double'))
  onWarning(
    `A double of ${config.kind === 'mesos' ? 'Mesos' : 'Marathon and of Mesos'} is at work here, for a trial without a cluster: it behaves as a real one does, on this machine, without isolation or limits, and ends with Manor and all that runs on it.`,
  )
  const urls = config.kind === 'marathon' ? { urls: [...doubles.urls] } : {}
  return { config: { ...config, leaders: [...doubles.leaders], ...urls }, end: async () => doubles[Symbol.asyncDispose]() }
}

/** Controllers as apps of a Marathon, agents as tasks of a framework of ours on the Mesos below it. */
export const openMarathonEngine = async (options: EngineOptions, asked: MarathonConfig): Promise<OpenedEngine> => {
  const { config, end } = await withDoubles(options, asked)
  const { owner, store, layout, clock, random, onWarning } = options
  const door = await openDoor(options)
  const login = config.marathonLogin
  const mesosLogin = await loginOf(config)
  const ca = config.ca === undefined ? undefined : await readText(config.ca, 'engine.ca')
  const controllers = await createMarathonEngine({
    owner,
    directory: join(layout.engine, 'marathon'),
    clock,
    random,
    marathon: {
      urls: config.urls,
      ...(ca === undefined ? {} : { ca }),
      ...(login === undefined
        ? {}
        : {
            credentials: {
              kind: 'basic' as const,
              user: login.username,
              password: (await readText(login.passwordFile, 'engine.marathonLogin.passwordFile')).trimEnd(),
            },
          }),
    },
    startUrl: id => `${door.url}/start/v1/${id}`,
    ...(config.group === undefined ? {} : { group: config.group }),
    // For Mesos' operator API and its agents', which are asked for logs and memory.
    ...(mesosLogin === undefined ? {} : { mesosCredentials: { kind: 'basic', user: mesosLogin.principal, password: mesosLogin.secret } }),
    perHost: (config.onEachHost ?? []).map(perHostService),
    onWarning,
    healthPath: ({ labels: { noun } }) => `${prefixOf(noun)}/login`,
    onSecondTask: engineEventsIn(store, onWarning).secondTask,
  })
  door.onStart(controllers.startListener)
  const agents = await mesosOf(options, config, mesosLogin)
  const engine = createSplitEngine({ name: 'marathon', controllers, agents })
  return opened(engine, config, async () => {
    await controllers.close()
    await agents.close()
    await end()
  })
}

const perHostService = (
  {
    name,
    command,
    image,
    args = [],
    cpu,
    memoryMb,
    ports = {},
    environment = {},
    attributes = {},
  }: NonNullable<MarathonConfig['onEachHost']>[number],
  index: number,
): PerHostService => {
  if ((command === undefined) === (image === undefined))
    throw new ConfigError(
      `engine.onEachHost.${index} (${name}) has ${command === undefined ? 'neither command nor image' : 'command and image'}: give one of them.`,
    )
  return { name, run: image === undefined ? { command: command ?? '' } : { image, args }, cpu, memoryMb, ports, environment, attributes }
}

/** Who Manor is to Mesos, its secret read. Rejects with a ConfigError. */
const loginOf = async ({
  login,
}: Pick<MesosConfig, 'login'>): Promise<{ readonly principal: string; readonly secret: string } | undefined> =>
  login && { principal: login.principal, secret: (await readText(login.secretFile, 'engine.login.secretFile')).trimEnd() }

const openDoor = ({ config, openDoor: open }: EngineOptions): Promise<OpenDoor> => {
  const { listen, url } = config.workloads ?? {}
  return open(listen ?? { host: LOOPBACK, port: DOOR_PORT }, url)
}

const mesosOf = async (
  { owner, store, clock, random, onWarning, newFramework }: EngineOptions,
  config: MesosConfig | MarathonConfig,
  credentials: Awaited<ReturnType<typeof loginOf>>,
): Promise<MesosEngine> => {
  const { ca, rolePrefix, network, otherRegions = false, gpuHosts = false, revocable = false } = config
  const warn = (message: string, cause?: unknown): void =>
    onWarning(cause === undefined ? message : `${message} (${cause instanceof Error ? cause.message : String(cause)})`)
  const frameworkIds = frameworkIdsIn(store)
  if (newFramework) await renewFramework({ frameworkIds, random })
  const term = await beginTerm(store)
  return createMesosEngine({
    owner,
    discovery: discoveryOf(config.leaders, { clock, random, onWarning: warn, scheme: ca === undefined ? 'http' : 'https' }),
    frameworkIds,
    tasks: taskRecordsIn(store, term),
    mayLead: async () => term.lasts(),
    clock,
    random,
    user: config.user ?? process.env.USER ?? 'root',
    ...(rolePrefix === undefined ? {} : { rolePrefix }),
    ...(network === undefined ? {} : { container: { network: { kind: 'user' as const, name: network } } }),
    regions: otherRegions,
    gpus: gpuHosts,
    revocable,
    ...(credentials === undefined ? {} : { credentials }),
    ...(ca === undefined ? {} : { tls: { ca: await readText(ca, 'engine.ca') } }),
    onWarning: warn,
    onFarewell: engineEventsIn(store, onWarning).parting,
  })
}

type DiscoveryPorts = Pick<EngineOptions, 'clock' | 'random'> & {
  readonly scheme: 'http' | 'https'
  readonly onWarning: (message: string, cause?: unknown) => void
}

const discoveryOf = (leaders: readonly string[], ports: DiscoveryPorts): LeaderDiscovery => {
  const [first = ''] = leaders
  if (first.startsWith('zk://')) {
    if (leaders.length > 1)
      throw new ConfigError('engine.leaders holds an address of ZooKeeper and others: give zk://HOST:2181,HOST:2181/mesos alone.')
    try {
      return new ZooKeeperDiscovery({ address: readZooKeeperAddress(first), ...ports })
    } catch (cause) {
      throw new ConfigError(`engine.leaders: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
  const wrong = leaders.find(address => !/^https?:$/.test(URL.parse(address)?.protocol ?? ''))
  if (wrong !== undefined)
    throw new ConfigError(`engine.leaders holds "${wrong}": give addresses such as http://HOST:5050, or one zk://HOST:2181/mesos.`)
  return fixedLeaders(leaders)
}

const opened = (engine: Engine, { images }: MesosConfig | MarathonConfig, close: () => Promise<void>): OpenedEngine => ({
  engine,
  // Without images tasks are commands of the hosts' own user, who must be able to read what Manor prepares for them.
  ownerOfHome: () => (images === undefined ? undefined : IMAGE_USER),
  ownerOfAgents: () => (images === undefined ? undefined : IMAGE_USER),
  programs: programs => (images === undefined ? programs : programsInNamedImages(programs, images)),
  [Symbol.asyncDispose]: close,
})
