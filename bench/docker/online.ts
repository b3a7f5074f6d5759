/**
 * From a queued build to its agent online through Manor and the Docker engine, against `docker run` of the same agent by hand: same daemon, same
 * image, same limits, its node there already. Then the same with a warm spare. Runs where the daemon's networks are, in a process of its own;
 * what it found is the last line that it prints.
 */
import { execFile } from 'node:child_process'
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { AgentView, BuildView, ControllerView, CredentialsView, TemplateBody } from '../../src/api/contract.ts'
import { type ControllerClient, createControllerClient, distributionOf, freestyleJob } from '../../src/controllers/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { ManorHome, type RunningManor } from '../../tests/support/manor-process.ts'
import { waitFor } from '../../tests/support/wait.ts'

export type Online = { readonly ours: readonly number[]; readonly byHand: readonly number[]; readonly warm: readonly number[] }

const CONTROLLER = 'bench'
const LOOK_EVERY_MS = 5
/** The first agents fill the jar cache and warm the controller's own classes up, for both sides. */
const WARM_UP_ROUNDS = 2
const UP_WITHIN_MS = 180_000

const measure = async (rounds: number): Promise<Online> => {
  await using home = await ManorHome.make()
  const manor = await home.up(['--no-sample', '--distribution', 'hudson', '--engine', 'docker'])
  await manor.post('/api/v1/controllers', { name: CONTROLLER, memoryMb: 768, distribution: 'hudson' })
  await waitFor(async () => (await manor.get<ControllerView>(`/api/v1/controllers/${CONTROLLER}`)).phase === 'ready', {
    what: 'the controller is ready',
    withinMs: UP_WITHIN_MS,
    seen: () => manor.output,
  })
  const controller = await clientOf(manor)
  const ours: number[] = []
  const byHand: number[] = []
  const warm: number[] = []
  for (let round = 0; round < rounds + WARM_UP_ROUNDS; round++) {
    const agent = await buildThroughManor(manor, controller, `cold-${round}`)
    const hand = await startByHand(controller, agent.id, `by-hand-${round}`)
    const online = (agent.onlineAt ?? Number.NaN) - agent.queuedAt
    const isWarmUp = round < WARM_UP_ROUNDS
    console.log(`round ${round + 1}: ${online} ms through Manor, ${hand.toFixed(0)} ms by hand${isWarmUp ? ' (warm-up)' : ''}`)
    if (isWarmUp) continue
    ours.push(online)
    byHand.push(hand)
  }
  await applySpares(manor, 1)
  for (let round = 0; round < rounds; round++) {
    const ms = await buildOnSpare(manor, controller, `warm-${round}`)
    console.log(`round ${round + 1}: ${ms} ms with a warm spare`)
    warm.push(ms)
  }
  await applySpares(manor, 0)
  return { ours, byHand, warm }
}

const clientOf = async (manor: RunningManor): Promise<ControllerClient> => {
  const { capabilities } = distributionOf('hudson')
  const { user, password } = await manor.post<CredentialsView>(`/api/v1/controllers/${CONTROLLER}/credentials`, {})
  // Through the router: its port and path are the controller's own.
  const endpoint = { host: '127.0.0.1', httpPort: Number(new URL(manor.url).port) }
  return createControllerClient({ endpoint, prefix: `/${CONTROLLER}`, capabilities, user, password, clock: systemClock })
}

/** Queues a build and gives its agent's row once it is over: its times are what Manor saw. */
const buildThroughManor = async (manor: RunningManor, controller: ControllerClient, job: string): Promise<AgentView> => {
  const signal = AbortSignal.timeout(120_000)
  await controller.ensureJob(job, freestyleJob({ command: 'true', label: 'linux' }), signal)
  await controller.build(job, {}, signal)
  return waitFor(
    async () => (await manor.get<AgentView[]>('/api/v1/agents?live=false')).find(one => one.build?.job === job && one.phase === 'ended'),
    { what: `the agent of ${job} has ended`, withinMs: 120_000, everyMs: 100 },
  )
}

const applySpares = async (manor: RunningManor, spares: number): Promise<void> => {
  const body: TemplateBody = { labels: ['linux'], takesUnlabelled: true, spares }
  const answer = await manor.request('/api/v1/templates/default', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`The template was not taken: ${answer.status} ${await answer.text()}`)
}

/** From the call that queues a build to the build's begin, as its controller tells it, while a spare is connected. */
const buildOnSpare = async (manor: RunningManor, controller: ControllerClient, job: string): Promise<number> => {
  const signal = AbortSignal.timeout(120_000)
  await controller.ensureJob(job, freestyleJob({ command: 'true', label: 'linux' }), signal)
  await waitFor(
    async () => {
      const [spare, ...others] = await manor.get<AgentView[]>('/api/v1/agents?live=true')
      return spare?.phase === 'online' && spare.item === undefined && others.length === 0
    },
    { what: 'a spare is connected', withinMs: 120_000 },
  )
  const asked = Date.now()
  await controller.build(job, {}, signal)
  const build = await waitFor(async () => (await manor.get<BuildView[]>('/api/v1/builds')).find(one => one.job === job), {
    what: `${job} has begun`,
    withinMs: 60_000,
  })
  return build.startedAt - asked
}

const docker = async (...words: readonly string[]): Promise<string> =>
  (await promisify(execFile)('docker', words, { maxBuffer: 16 * 1_048_576 })).stdout

type Container = {
  readonly Config: {
    readonly Image: string
    readonly User: string
    readonly Cmd: string[]
    readonly Env: string[]
    readonly WorkingDir: string
  }
  readonly HostConfig: { readonly Memory: number; readonly CpuShares: number; readonly PidsLimit: number; readonly NetworkMode: string }
  readonly Mounts: readonly { readonly Type: string; readonly Source: string; readonly Destination: string; readonly RW: boolean }[]
}

/** Runs what Manor ran for `agent`, under another name, and waits until the controller has it online. */
const startByHand = async (controller: ControllerClient, agent: string, name: string): Promise<number> => {
  const signal = AbortSignal.timeout(120_000)
  const [id = ''] = (await docker('ps', '--all', '--quiet', '--filter', `name=agent.${agent}`)).trim().split('\n')
  const [seen] = JSON.parse(await docker('inspect', id)) as Container[]
  if (seen === undefined) throw new Error(`The container of ${agent} is gone.`)
  const named = (text: string): string => text.replaceAll(agent, name)
  const own = await mkdtemp(join(tmpdir(), 'manor-by-hand-'))
  const [uid = 0, gid = 0] = seen.Config.User.split(':').map(Number)
  const work = seen.Mounts.find(({ Type, RW, Source }) => Type === 'bind' && RW && Source.includes(agent))
  const privateDirectory = named(seen.Config.Env.find(one => one.startsWith('HOME='))?.slice('HOME='.length) ?? '')
  const secret = await controller.script('print hudson.model.Hudson.instance.secretKey', signal)
  await writeFile(join(own, 'agent-secret'), secret.replace(/^Result:.*$/m, '').trim())
  await mkdir(join(own, 'tmp'))
  const directories = [own, join(own, 'tmp'), join(own, 'agent-secret')]
  if (work !== undefined) await mkdir(named(work.Source), { recursive: true })
  for (const path of [...directories, ...(work === undefined ? [] : [named(work.Source)])]) await chown(path, uid, gid)
  await controller.script(nodeScript(name, work === undefined ? privateDirectory : named(work.Destination)), signal)
  const binds = seen.Mounts.filter(({ Type }) => Type === 'bind').flatMap(({ Source, Destination, RW }) => [
    '--volume',
    `${named(Source)}:${named(Destination)}${RW ? '' : ':ro'}`,
  ])
  const { Memory: memory, CpuShares: shares, PidsLimit: pids, NetworkMode: network } = seen.HostConfig
  const words = [
    ...['run', '--detach', '--name', name, '--hostname', name, '--network', network, '--init', '--user', seen.Config.User],
    ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--memory', String(memory), '--memory-swap', String(memory)],
    ...['--cpu-shares', String(shares), '--pids-limit', String(pids), '--ulimit', 'core=0', '--tmpfs', '/tmp:exec,mode=1777'],
    ...['--log-opt', 'max-size=8m', '--log-opt', 'max-file=2', '--volume', `${own}:${privateDirectory}`, ...binds],
    ...seen.Config.Env.flatMap(one => ['--env', named(one)]),
    ...['--workdir', named(seen.Config.WorkingDir), '--entrypoint', '/bin/sh', seen.Config.Image],
    ...['-c', 'exec "$@" 2>&1 </dev/null', 'sh', ...seen.Config.Cmd.map(named)],
  ]
  const started = performance.now()
  try {
    await docker(...words)
    await waitFor(
      async () => (await controller.script(`print !hudson.model.Hudson.instance.getComputer('${name}').offline`, signal)).includes('true'),
      { what: `${name} is online`, withinMs: 60_000, everyMs: LOOK_EVERY_MS },
    )
    return performance.now() - started
  } catch (cause) {
    throw new Error(`By hand it did not come online: ${await docker('logs', name).catch(String)}`, { cause })
  } finally {
    await docker('rm', '--force', '--volumes', name)
    await controller.script(`def h = hudson.model.Hudson.instance; h.removeNode(h.getNode('${name}'))`, signal)
    await rm(own, { recursive: true, force: true })
    if (work !== undefined) await rm(named(work.Source), { recursive: true, force: true })
  }
}

const nodeScript = (name: string, directory: string): string => `
def node = new hudson.slaves.DumbSlave('${name}', 'by hand', '${directory}', '1', hudson.model.Node.Mode.EXCLUSIVE, 'by-hand',
  new hudson.slaves.JNLPLauncher(), hudson.slaves.RetentionStrategy.NOOP, [])
hudson.model.Hudson.instance.addNode(node)`

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(JSON.stringify(await measure(Number(process.argv[2]))))
