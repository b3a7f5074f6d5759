/**
 * Starting containers through the Docker engine beside `docker run --detach` with the same limits, on the same daemon, of the same image. The
 * two take turns, so that a busy moment of the machine hits both; `docker run` is tried with several numbers at a time, and its best one
 * counts. What is timed ends when the daemon has started all of them.
 */
import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createDockerEngine, type DockerEngine } from '../../src/engines/index.ts'
import { hostId, tenantId } from '../../src/model/index.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'
import { type Dockerd, importTestImage, startDockerd, TEST_IMAGE } from '../../tests/support/docker.ts'
import { soakWorkload } from '../../tests/support/docker-soak.ts'
import { against, type Bench, type Figure, median } from '../figures.ts'
import type { Online } from './online.ts'

const OWNER = 'bench'
const HOST = hostId('docker-1')
const GOAL = { ratio: 1.05 }
const ONLINE_GOAL = { ratio: 1.1 }
const WARM_GOAL = { ratio: 0.35 }
const ONLINE_ROUNDS = 7
const QUICK_ONLINE_ROUNDS = 3
const never = new AbortController().signal

/** How many start together, and in how many rounds. */
const SIZES: readonly (readonly [count: number, rounds: number])[] = [
  [1, 9],
  [10, 3],
  [100, 1],
]
const QUICK_SIZES: readonly (readonly [count: number, rounds: number])[] = [
  [1, 5],
  [10, 3],
]
/** From here on a size has no round to warm up. */
const MANY = 100
/** Numbers of `docker run` at a time, and of our starts at a time: the engine's own is among them, the others are to tune it. */
const AT_A_TIME: readonly number[] = [4, 8, 16]

export const bench: Bench = {
  name: 'docker',
  about:
    'N containers started through the Docker engine beside `docker run --detach` at its best number at a time, and agents that come online: same daemon, same image.',
  run: async ({ quick, say }) => {
    const daemon = await startDockerd()
    const engines = new Map<number, DockerEngine>()
    try {
      await importTestImage(daemon)
      await docker(daemon, 'network', 'create', '--driver', 'bridge', 'by-hand')
      for (const atATime of AT_A_TIME) engines.set(atATime, await open(daemon, atATime))
      const figures: Figure[] = []
      for (const [count, rounds] of quick ? QUICK_SIZES : SIZES) figures.push(...(await compare(daemon, engines, count, rounds, say)))
      return [...figures, ...onlineFigures(await online(daemon, quick ? QUICK_ONLINE_ROUNDS : ONLINE_ROUNDS, say))]
    } finally {
      for (const engine of engines.values()) await engine.close()
      await daemon.dispose()
    }
  },
}

/** Each number at a time has an owner of its own, so that no engine sees the others' containers. */
const open = (daemon: Dockerd, atATime: number): Promise<DockerEngine> =>
  createDockerEngine({
    owner: `${OWNER}-${atATime}`,
    daemons: [{ host: HOST, address: `unix://${daemon.socket}` }],
    clock: systemClock,
    random: systemRandom,
    pullPolicy: 'never',
    startsAtATime: atATime,
    onWarning: () => undefined,
  })

const compare = async (
  daemon: Dockerd,
  engines: ReadonlyMap<number, DockerEngine>,
  count: number,
  rounds: number,
  say: (line: string) => void,
): Promise<Figure[]> => {
  const widths = AT_A_TIME.filter((width, index) => index === 0 || width <= count)
  const ours = new Map(widths.map(width => [width, [] as number[]]))
  const byHand = new Map(widths.map(width => [width, [] as number[]]))
  // One round more, which warms both up; of many there is no first one that would count for much.
  const warmUps = count < MANY ? 1 : 0
  for (let round = 0; round < rounds + warmUps; round++)
    for (const width of widths) {
      const engine = engines.get(width)
      if (engine === undefined) throw new TypeError(`There is no engine with ${width} at a time.`)
      const hand = await startByHand(daemon, count, width)
      const own = await startOurs(daemon, engine, `${OWNER}-${width}`, count, round)
      const isWarmUp = round < warmUps
      say(
        `${count} containers, ${width} at a time: ${own.toFixed(0)} ms through Manor, ${hand.toFixed(0)} ms by hand${isWarmUp ? ' (warm-up)' : ''}`,
      )
      if (isWarmUp) continue
      ours.get(width)?.push(own)
      byHand.get(width)?.push(hand)
    }
  const medians = (values: ReadonlyMap<number, number[]>) => [...values].map(([width, times]) => [width, median(times)] as const)
  const [bestWidth, best] = medians(byHand).toSorted(([, a], [, b]) => a - b)[0] ?? [0, Number.NaN]
  return medians(ours).map(([width, value]) => {
    const name = `${count} containers, ${width} at a time`
    return against(name, 'ms', value, { name: `docker run, ${bestWidth} at a time`, value: best }, GOAL)
  })
}

/** A whole Manor, which has to be where the daemon's networks are (online.ts). */
const online = (daemon: Dockerd, rounds: number, say: (line: string) => void): Promise<Online> =>
  new Promise((resolve, reject) => {
    const words = ['--target', String(daemon.holder), '--net', process.execPath, join(import.meta.dirname, 'online.ts'), String(rounds)]
    const child = spawn('nsenter', words, {
      env: { ...process.env, DOCKER_HOST: `unix://${daemon.socket}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    let wrong = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      for (const line of text.split('\n')) if (line.startsWith('round ')) say(line)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => (wrong += text))
    child.once('error', reject)
    child.once('close', code => {
      if (code === 0) resolve(JSON.parse(said.trim().split('\n').at(-1) ?? '') as Online)
      else reject(new Error(`The agents' part ended with ${code}: ${said}${wrong}`))
    })
  })

const onlineFigures = ({ ours, byHand, warm }: Online): Figure[] => {
  const hand = { name: 'docker run of the same agent', value: median(byHand) }
  return [
    against('queue to agent online, median', 'ms', median(ours), hand, ONLINE_GOAL),
    against('queue to build on a warm spare, median', 'ms', median(warm), hand, WARM_GOAL),
  ]
}

let started = 0

const startOurs = async (daemon: Dockerd, engine: DockerEngine, owner: string, count: number, round: number): Promise<number> => {
  const workloads = Array.from({ length: count }, () => ({
    ...soakWorkload(owner, TEST_IMAGE, ++started, tenantId('red')),
    command: ['sleep', '1000'],
  }))
  // The tenant's network is there, as it is for the other side.
  if (round === 0) {
    const first = { ...soakWorkload(owner, TEST_IMAGE, ++started, tenantId('red')), command: ['true'] }
    await engine.submit(first, HOST, never)
  }
  const begun = performance.now()
  await Promise.all(workloads.map(workload => engine.submit(workload, HOST, never)))
  const took = performance.now() - begun
  await removeAll(daemon)
  return took
}

const RUN: readonly string[] = [
  ...[
    'run',
    '--detach',
    '--network',
    'by-hand',
    '--init',
    '--user',
    '1000:1000',
    '--cap-drop',
    'ALL',
    '--security-opt',
    'no-new-privileges',
  ],
  ...['--memory', '32m', '--memory-swap', '32m', '--cpu-shares', '512', '--pids-limit', '4096', '--ulimit', 'core=0'],
  ...['--tmpfs', '/tmp', '--volume', '/manor', '--log-opt', 'max-size=8m', '--log-opt', 'max-file=2', TEST_IMAGE, 'sleep', '1000'],
]

const startByHand = async (daemon: Dockerd, count: number, atATime: number): Promise<number> => {
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) await docker(daemon, ...RUN)
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: Math.min(atATime, count) }, lane))
  const took = performance.now() - begun
  await removeAll(daemon)
  return took
}

const docker = (daemon: Dockerd, ...words: readonly string[]): Promise<unknown> =>
  promisify(execFile)('docker', words, { env: { ...process.env, DOCKER_HOST: `unix://${daemon.socket}` } })

/** Removals at a time: not measured, only to be over soon. */
const REMOVALS = 8

const removeAll = async ({ client }: Dockerd): Promise<void> => {
  const all = await client.listContainers([], never)
  const lane = async (): Promise<void> => {
    for (let one = all.pop(); one !== undefined; one = all.pop()) await client.removeContainer(one.Id, true, never)
  }
  await Promise.all(Array.from({ length: REMOVALS }, lane))
}
