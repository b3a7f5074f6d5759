import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAgentDirectories, explainedByLease, keepLease, UsageBook } from '../agents/index.ts'
import { type ApiLog, createApi, handlerOf, type ShutdownRequest, SIGN_IN_PATH } from '../api/index.ts'
import { type Config, ConfigError } from '../config/index.ts'
import {
  ADMIN_NAME,
  type ControllerClient,
  createControllerClient,
  createProbe,
  createPrograms,
  distributionOf,
  HOOK_FILE,
  openSecrets,
  type ProgramProgress,
  type Programs,
  prefixOf,
} from '../controllers/index.ts'
import { EngineError } from '../engines/index.ts'
import { createSignInLink } from '../identity/index.ts'
import type { ControllerId } from '../model/index.ts'
import { createRouter, DEFAULT_HOST_NAMES, routesFromStore } from '../router/index.ts'
import type { Clock, Random } from '../runtime/index.ts'
import { createSeal, loadKey, openSqliteStore, type Seal, type Store } from '../store/index.ts'
import { createDirectoryHomes } from '../volumes/index.ts'
import { composePlane, type Plane, type PlanePorts } from './compose.ts'
import { Door } from './door.ts'
import { explainController } from './explain-controller.ts'
import { keepHouse } from './housekeeping.ts'
import type { Layout } from './layout.ts'
import { openEngine } from './open-engine.ts'
import type { EngineOptions, OpenedEngine, StartDoubles } from './opened-engine.ts'
import { homeError, prepareHome, replaceFile } from './prepare-home.ts'
import { removeRunFiles, writeRunFiles } from './run-files.ts'
import { runToken } from './run-token.ts'
import { seedStore } from './seed.ts'

/** Controllers' ports are chosen from here: above what services use, below what Linux gives to outgoing connections (from 32768). */
const PORT_RANGE: readonly [number, number] = [20_000, 29_999]

export type ManorOptions = {
  /** Holds everything of this Manor; made where it is not there. */
  readonly home: string
  /** Programs, shared between Manors of one user. */
  readonly cacheDirectory: string
  /** 0 takes any free one. */
  readonly port: number
  /** Address to listen on; loopback unless told. */
  readonly listen?: string
  /** Directory of the hook's script, and the console's built files, which may not be there. */
  readonly hookScript: string
  readonly consoleDirectory: string
  readonly version: string
  readonly config: Config
  /** For `double: true` in the configuration. */
  readonly startDoubles?: StartDoubles
  /** For a Manor on Mesos whose framework was removed there: begin another. */
  readonly newFramework: boolean
  /** Opens the engine in place of the one that the configuration names; tests give one of several hosts. */
  readonly openEngine?: (options: EngineOptions) => Promise<OpenedEngine>
  /** Name of this machine among hosts. */
  readonly hostName: string
  readonly mirror?: string
  readonly airGapDirectory?: string
  readonly clock: Clock
  readonly random: Random
  readonly log: ApiLog
  readonly onProgress: (controller: ControllerId, step: Parameters<ProgramProgress>[0]) => void
  /** Someone asked over the API that Manor ends. */
  readonly onShutdown: (request: ShutdownRequest) => void
  /** What a person should know of how this machine limits what Manor can promise. */
  readonly onWarning: (message: string) => void
}

/** A Manor that runs: all rooms in this process. */
export type Manor = {
  readonly store: Store
  readonly plane: Plane
  readonly programs: Programs
  /** `http://127.0.0.1:PORT`, no slash at its end. */
  readonly url: string
  readonly consoleUrl: string
  /** A fresh link that signs one browser in. */
  signInLink(): Promise<string>
  /** A client of a controller's own REST; undefined before its first start was prepared. */
  clientOf(id: ControllerId): ControllerClient | undefined
  /** Ends Manor alone: what it runs goes on. */
  stop(): Promise<void>
}

/**
 * Starts Manor on this machine. Order matters: the store's lock keeps a second Manor out before anything else is touched, the address is
 * open before a controller could be told of it, and loops begin last. Rejects with a StartError, StoreError or RouterError that says the mend;
 * what was begun is then undone.
 */
export const startManor = async (options: ManorOptions): Promise<Manor> => {
  const layout = await prepareHome(options.home)
  await using undo = new AsyncDisposableStack()
  const store = await openSqliteStore(layout.database, options.clock)
  undo.defer(() => store.close())
  const seal = createSeal(
    await loadKey(layout.key, options.random).catch(cause => Promise.reject(homeError(options.home, cause))),
    options.random,
  )
  const owner = await seedStore(store, options.random)
  const lease = await openLease(options, layout, undo)
  const started = await open({ ...options, ...lease }, layout, store, seal, owner, undo)
  const finish = undo.move()
  return { ...started, store, stop: () => finish.disposeAsync() }
}

/** What the loops need of the lease; nothing where there is none. */
type Lease = Pick<PlanePorts, 'lease' | 'readObservation'>

/** From here on agents know that Manor is back, however long the rest of its start takes. */
const openLease = async ({ clock, config, home, log }: ManorOptions, layout: Layout, undo: AsyncDisposableStack): Promise<Lease> => {
  const { agentLeaseMs: leaseMs } = config
  if (leaseMs === undefined) return {}
  const lease = { file: layout.leaseFile, leaseMs }
  const keeper = await keepLease({
    ...lease,
    clock,
    onError: err => log.error({ err }, `That Manor is here cannot be written to ${lease.file}: agents end by themselves if that goes on.`),
  }).catch(cause => Promise.reject(homeError(home, cause)))
  undo.defer(() => keeper.stop())
  const { absence } = keeper
  if (absence === undefined || absence.to - absence.from < leaseMs) return { lease }
  return { lease, readObservation: observation => explainedByLease(observation, absence, leaseMs) }
}

const open = async (
  options: ManorOptions & Lease,
  layout: Layout,
  store: Store,
  seal: Seal,
  owner: string,
  undo: AsyncDisposableStack,
): Promise<Omit<Manor, 'store' | 'stop'>> => {
  const { clock, random, log } = options
  const onError = (subject: string, cause: unknown): void => log.error({ err: cause, subject }, 'Something failed and is tried again.')
  const script = await readFile(options.hookScript, 'utf8')
  await replaceFile(join(layout.hook, HOOK_FILE), script, 0o644)
  const door = new Door(clock, undo)
  const opened = await (options.openEngine ?? openEngine)({
    ...options,
    store,
    layout,
    owner,
    hookScript: script,
    openDoor: (listen, url) => door.open(listen, url),
  })
  undo.use(opened)
  const { engine } = opened
  const ofThisMachine = createPrograms({
    cacheDirectory: options.cacheDirectory,
    clock,
    random,
    ...(options.mirror === undefined ? {} : { mirror: options.mirror }),
    ...(options.airGapDirectory === undefined ? {} : { airGapDirectory: options.airGapDirectory }),
  })
  const programs = opened.programs(ofThisMachine)
  const homes = createDirectoryHomes({ directory: layout.volumes, ownerOf: id => opened.ownerOfHome(id), clock })
  let url = ''
  const plane = composePlane({
    store,
    clock,
    random,
    seal,
    engine,
    programs,
    distribution: distributionOf,
    homes,
    probe: createProbe(clock),
    owner,
    manorUrl: () => door.url ?? url,
    urlFile: layout.urlFile,
    hook: { script, root: layout.hook },
    portRange: PORT_RANGE,
    directories: createAgentDirectories({
      workRoot: layout.agents,
      jarCaches: layout.jarCaches,
      ownerOf: controller => opened.ownerOfAgents(controller),
    }),
    ...(options.lease === undefined ? {} : { lease: options.lease }),
    ...(options.readObservation === undefined ? {} : { readObservation: options.readObservation }),
    onProgress: options.onProgress,
    onObserved: observation => usage.observed(observation),
    onError,
  })
  const usage = new UsageBook({ store, clock, observer: plane.observer, onError: cause => onError('usage', cause) })
  const clientOf = (id: ControllerId): ControllerClient | undefined => clientFor(store, seal, clock, id)
  const address = await serve({ ...options, layout, seal, owner, store, plane, engine, door, undo })
  url = address.url
  const house = new AbortController()
  const housekeeping = keepHouse({ store, clock, sweepHomes: () => homes.sweep(), onError }, house.signal)
  undo.defer(async () => {
    house.abort()
    await housekeeping
  })
  undo.defer(() => usage.stop())
  usage.start()
  undo.defer(() => plane.stop())
  await plane.start().catch(cause => {
    throw engineAway(engine.name, cause) ?? cause
  })
  const signInLink = async (): Promise<string> => {
    const { secret } = await createSignInLink(store, random, 'manor')
    return `${address.consoleUrl}${SIGN_IN_PATH}?token=${encodeURIComponent(secret)}`
  }
  return { plane, programs, ...address, signInLink, clientOf }
}

/** Nothing is decided before the engine was seen once, so a Manor that cannot reach it does not start. */
const engineAway = (name: string, cause: unknown): ConfigError | undefined => {
  const look = `Look whether what \`engine\` (${name}) in manor.yaml names runs and is reached from here, then start Manor again; what ran goes on.`
  if (cause instanceof EngineError) return new ConfigError(`${cause.message} ${cause.reason.mend ?? look}`, { cause })
  const isSilent = cause instanceof DOMException && cause.name === 'TimeoutError'
  return isSilent ? new ConfigError(`The engine was asked what runs: ${cause.message} ${look}`, { cause }) : undefined
}

type Serving = ManorOptions & {
  readonly layout: Layout
  readonly seal: Seal
  readonly owner: string
  readonly store: Store
  readonly plane: Plane
  readonly engine: OpenedEngine['engine']
  readonly door: Door
  readonly undo: AsyncDisposableStack
}

/** Opens the one address: the API and the console behind the router. */
const serve = async (serving: Serving): Promise<{ readonly url: string; readonly consoleUrl: string }> => {
  const { clock, random, log, store, seal, plane, engine, door, undo, layout } = serving
  let port = serving.port
  const urls = () => ({
    publicUrl: `http://127.0.0.1:${port}`,
    consoleUrl: `http://${DEFAULT_HOST_NAMES.console}:${port}`,
    controllerHostUrl: (id: ControllerId) => `http://${id}.${DEFAULT_HOST_NAMES.suffixes[0]}:${port}`,
  })
  const api = createApi({
    store,
    clock,
    random,
    log,
    version: serving.version,
    owner: serving.owner,
    engine: engine.name,
    isToldOfHosts: engine.hostControl !== undefined,
    hook: plane.broker.hook,
    credentialsOf: id => {
      const secrets = openSecrets(store, seal, id)
      const distribution = store.get('controller', id)?.spec.distribution
      if (secrets === undefined || distribution === undefined) return undefined
      const { apiTokens } = distributionOf(distribution).capabilities
      return { user: ADMIN_NAME, password: secrets.adminPassword, ...(apiTokens ? { apiToken: secrets.apiToken } : {}) }
    },
    explain: {
      controller: id => explainController(store, id),
      agent: id => plane.broker.explainAgent(id),
      item: (controller, item) => plane.broker.explainItem(controller, item),
    },
    logs: (workload, bytes, signal) => engine.logs(workload, bytes, signal),
    observer: plane.observer,
    urls,
    consoleHosts: [DEFAULT_HOST_NAMES.console],
    consoleDirectory: serving.consoleDirectory,
    shutdown: serving.onShutdown,
  })
  undo.defer(() => api.close())
  await api.ready()
  const own = handlerOf(api)
  door.answer(own)
  const router = createRouter({
    routes: routesFromStore(store),
    own,
    clock,
    onFault: fault => log.error({ ...fault }, 'A controller did not answer.'),
  })
  undo.defer(() => router.close())
  const address = await router.listen({ port: serving.port, ...(serving.listen === undefined ? {} : { host: serving.listen }) })
  port = address.port
  const { publicUrl, consoleUrl } = urls()
  const token = await runToken({ store, seal, clock, random })
  undo.defer(() => removeRunFiles(layout))
  await writeRunFiles(layout, { url: publicUrl, consoleUrl, pid: process.pid, startedAt: clock.now() }, token, door.url ?? publicUrl)
  return { url: publicUrl, consoleUrl }
}

const clientFor = (store: Store, seal: Seal, clock: Clock, id: ControllerId): ControllerClient | undefined => {
  const controller = store.get('controller', id)
  const secrets = openSecrets(store, seal, id)
  if (controller?.endpoint === undefined || secrets === undefined) return undefined
  const { capabilities } = distributionOf(controller.spec.distribution)
  return createControllerClient({
    endpoint: controller.endpoint,
    prefix: prefixOf(id),
    capabilities,
    user: ADMIN_NAME,
    password: secrets.adminPassword,
    ...(capabilities.apiTokens ? { apiToken: secrets.apiToken } : {}),
    clock,
  })
}
