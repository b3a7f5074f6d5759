/**
 * From a queued build to its agent online, against the same agent started by hand on the same controller in the same run: what Manor costs
 * on top of a JVM's own start. Alternates the two, so that a busy moment of the machine hits both.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentView, ControllerView, CredentialsView, StatusView } from '../../src/api/contract.ts'
import {
  type ControllerClient,
  createControllerClient,
  createPrograms,
  distributionOf,
  freestyleJob,
  type Program,
} from '../../src/controllers/index.ts'
import { seededRandom, systemClock } from '../../src/runtime/index.ts'
import { ManorHome, type RunningManor } from '../../tests/support/manor-process.ts'
import { waitFor } from '../../tests/support/wait.ts'
import { against, type Bench, type BenchOptions, beside, type Figure, median, quantile } from '../figures.ts'

const CONTROLLER = 'bench'
const ROUNDS = 12
const QUICK_ROUNDS = 4
/** The first agents fill the jar cache and warm the controller's own classes up, for both sides. */
const WARM_UP_ROUNDS = 2
const LOOK_EVERY_MS = 5

export const bench: Bench = {
  name: 'first-build',
  about:
    'From a build in the queue to its agent online, Hudson 2.2.1, process engine; by hand: the same command, with its node there already.',
  run: async options => {
    await using home = await ManorHome.make()
    const manor = await home.up(['--no-sample', '--distribution', 'hudson'])
    await manor.post('/api/v1/controllers', { name: CONTROLLER, memoryMb: 768, distribution: 'hudson' })
    const controller = await readyController(manor)
    const client = await clientOf(manor, controller, home.directory)
    // Awaited here: the home goes with this scope.
    return await measure(options, manor, client)
  },
}

const measure = async ({ quick, say }: BenchOptions, manor: RunningManor, client: Client): Promise<Figure[]> => {
  const rounds = quick ? QUICK_ROUNDS : ROUNDS
  const ours: number[] = []
  const byHand: number[] = []
  const own: number[] = []
  for (let round = 0; round < rounds + WARM_UP_ROUNDS; round++) {
    const agent = await buildThroughManor(manor, client, round)
    const hand = await startByHand(client, round)
    const online = (agent.onlineAt ?? Number.NaN) - agent.queuedAt
    say(`round ${round + 1}: ${online} ms through Manor, ${hand.toFixed(0)} ms by hand${round < WARM_UP_ROUNDS ? ' (warm-up)' : ''}`)
    if (round < WARM_UP_ROUNDS) continue
    ours.push(online)
    byHand.push(hand)
    own.push((agent.launchedAt ?? Number.NaN) - agent.queuedAt)
  }
  const status = await manor.get<StatusView>('/api/v1/status')
  const goal = { ratio: 1.1, plus: 100 }
  return [
    against('queue to online, median', 'ms', median(ours), { name: 'by hand', value: median(byHand) }, goal),
    // Of a dozen rounds the slowest is chance, so it has no goal.
    beside('queue to online, p90', 'ms', quantile(ours, 0.9), { name: 'by hand', value: quantile(byHand, 0.9) }),
    { name: 'of it from queue to launch, median', value: median(own), unit: 'ms' },
    { name: 'control plane, resident', value: status.process.memoryMb, unit: 'MB' },
  ]
}

const readyController = (manor: RunningManor): Promise<ControllerView> =>
  waitFor(
    async () => {
      const view = await manor.get<ControllerView>(`/api/v1/controllers/${CONTROLLER}`)
      return view.phase === 'ready' ? view : undefined
    },
    { what: 'the controller is ready', withinMs: 120_000 },
  )

type Client = { readonly controller: ControllerClient; readonly program: Program; readonly url: string; readonly secret: string }

const clientOf = async (manor: RunningManor, controller: ControllerView, home: string): Promise<Client> => {
  const { capabilities } = distributionOf('hudson')
  const { user, password } = await manor.post<CredentialsView>(`/api/v1/controllers/${CONTROLLER}/credentials`, {})
  const { port } = new URL(manor.url)
  // Through the router: its port and path are the controller's own.
  const endpoint = { host: '127.0.0.1', httpPort: Number(port) }
  const cacheDirectory = join(process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? '/root', '.cache'), 'manor')
  const programs = createPrograms({ cacheDirectory, clock: systemClock, random: seededRandom(1) })
  const { program } = await programs.provide({ distribution: 'hudson' }, () => undefined, AbortSignal.timeout(60_000))
  const secret = await readFile(join(home, 'controllers', CONTROLLER, 'home', 'secret.key'), 'utf8')
  return {
    controller: createControllerClient({ endpoint, prefix: `/${CONTROLLER}`, capabilities, user, password, clock: systemClock }),
    program: { ...program, version: controller.version ?? program.version },
    url: `${manor.url}/${CONTROLLER}/`,
    secret: secret.trim(),
  }
}

/** Queues a build and gives its agent's row once it is over: its times are what Manor saw. */
const buildThroughManor = async (manor: RunningManor, { controller }: Client, round: number): Promise<AgentView> => {
  const signal = AbortSignal.timeout(120_000)
  const job = `round-${round}`
  await controller.ensureJob(job, freestyleJob({ command: 'true', label: 'linux' }), signal)
  await controller.build(job, {}, signal)
  return waitFor(
    async () => {
      const agents = await manor.get<AgentView[]>('/api/v1/agents?live=false')
      return agents.find(({ task, phase }) => task === job && phase === 'ended')
    },
    { what: `the agent of ${job} has ended`, withinMs: 120_000, everyMs: 100 },
  )
}

/** Starts the same agent as a plain child of this process, its node being there, and waits until the controller has it online. */
const startByHand = async ({ controller, program, url, secret }: Client, round: number): Promise<number> => {
  const signal = AbortSignal.timeout(120_000)
  const distribution = distributionOf('hudson')
  const name = `by-hand-${round}`
  const directory = await mkdtemp(join(tmpdir(), 'manor-by-hand-'))
  const programs = createPrograms({ cacheDirectory: join(directory, 'cache'), clock: systemClock, random: seededRandom(2) })
  const agentJar = await programs.agentJar(program, signal)
  await controller.script(nodeScript(name, directory), signal)
  const { command, files } = distribution.agentCommand({ program, agentJar, url, name, secret, workDirectory: directory, memoryMb: 512 })
  for (const { path, content, mode } of files) await writeFile(join(directory, path), content, { mode })
  const [java = 'java', ...words] = command.map(word => word.replaceAll('{dir}', directory))
  const started = performance.now()
  const child = spawn(java, words, { cwd: directory, stdio: 'ignore' })
  try {
    await waitFor(
      async () => (await controller.script(`print !hudson.model.Hudson.instance.getComputer('${name}').offline`, signal)).includes('true'),
      {
        what: `${name} is online`,
        withinMs: 60_000,
        everyMs: LOOK_EVERY_MS,
      },
    )
    return performance.now() - started
  } finally {
    await endOf(child)
    await controller.script(`def h = hudson.model.Hudson.instance; h.removeNode(h.getNode('${name}'))`, signal)
    await rm(directory, { recursive: true, force: true })
  }
}

const endOf = (child: ChildProcess): Promise<void> =>
  new Promise(resolve => {
    child.once('close', () => resolve())
    child.kill('SIGKILL')
  })

const nodeScript = (name: string, directory: string): string => `
def node = new hudson.slaves.DumbSlave('${name}', 'by hand', '${directory}', '1', hudson.model.Node.Mode.EXCLUSIVE, 'by-hand',
  new hudson.slaves.JNLPLauncher(), hudson.slaves.RetentionStrategy.NOOP, [])
hudson.model.Hudson.instance.addNode(node)`
