/**
 * `manor up --engine swarm` on a real Swarm of one node, in the node's own network namespace: images are made on this machine and brought to the
 * node, controller and agent are services, a Manor that was killed finds them, and nothing of them goes on. Needs root.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type RealSwarm, type SwarmNode, startSwarm } from '../support/swarm.ts'
import { dockerCall } from '../support/swarm-call.ts'
import { waitFor } from '../support/wait.ts'

const ROOT = join(import.meta.dirname, '../..')
const WITHIN_MS = 5 * 60_000

let swarm: RealSwarm
let node: SwarmNode
let home: string
before(async () => {
  swarm = await startSwarm({ nodes: 1, managers: 1, heartbeatMs: 60_000 })
  const [only] = swarm.nodes
  assert.ok(only !== undefined)
  node = only
  home = await mkdtemp(join(tmpdir(), 'manor-swarm-up-'))
})
after(async () => {
  await swarm?.dispose()
  await rm(home, { recursive: true, force: true })
})

type Run = { readonly child: ChildProcess; readonly text: () => string; readonly ended: Promise<number | null> }

/** Starts the command line where the node's networks are. */
const start = (...words: readonly string[]): Run => {
  const child = spawn('nsenter', ['--target', String(node.holder), '--net', join(ROOT, 'manor'), ...words, '--home', home], {
    env: { ...process.env, DOCKER_HOST: `unix://${node.socket}` },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: WITHIN_MS,
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += chunk))
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve))
  return { child, ended, text: () => text }
}

const said = ({ text, child }: Run, what: RegExp): Promise<boolean> =>
  waitFor(
    () => {
      assert.equal(child.exitCode, null, text())
      return what.test(text())
    },
    { what: `the command line has said ${what}`, withinMs: WITHIN_MS, everyMs: 200, seen: () => text().slice(-3_000) },
  )

type Service = {
  readonly ID: string
  readonly Spec: {
    readonly Labels: Readonly<Record<string, string>>
    readonly TaskTemplate: {
      readonly ContainerSpec: { readonly Image: string }
      readonly Placement: { readonly Constraints: readonly string[] }
    }
  }
}
type Task = { readonly ID: string; readonly ServiceID: string; readonly Status: { readonly State: string } }
const call = (path: string) => dockerCall(node.socket, 'GET', path)
const controllers = async (): Promise<readonly Service[]> =>
  (await call('/services')).filter(({ Spec }: Service) => Spec.Labels['manor.kind'] === 'controller')
const tasksOf = async ({ ID }: Service): Promise<readonly Task[]> =>
  (await call('/tasks')).filter(({ ServiceID }: Task) => ServiceID === ID)
const isRunning = ({ Status }: Task): boolean => Status.State === 'running'
/** What ended ones said last is kept for a while with their services. */
const assertNothingRuns = async (): Promise<void> => {
  assert.deepEqual((await call('/tasks')).filter(isRunning), [])
  assert.deepEqual(await call('/containers/json'), [])
}

test('the sample build runs as a service of its own, beside its controller’s, and all is taken down', async () => {
  const run = start('up', '--once', '--engine', 'swarm', '--port', '0')
  assert.equal(await run.ended, 0, run.text())
  assert.match(run.text(), /Image manor\/(hudson|jenkins)-controller:\S+: Taking the base from this machine/)
  assert.match(run.text(), /sample build: SUCCESS/)
  await assertNothingRuns()
  assert.match(await readFile(join(home, 'manor.yaml'), 'utf8'), /^engine: swarm$/m)
})

test('a Manor that was killed finds its controller as it is, named by the id of its image, and takes it down', async () => {
  const first = start('up', '--port', '0')
  await said(first, /Ctrl-C ends Manor alone/)
  assert.doesNotMatch(first.text(), /Taking the base/)
  const service = await waitFor(
    async () => {
      const [only] = await controllers()
      return only !== undefined && (await tasksOf(only)).some(isRunning) ? only : undefined
    },
    { what: 'the controller runs', withinMs: 60_000, everyMs: 200, seen: first.text },
  )
  const { ContainerSpec, Placement } = service.Spec.TaskTemplate
  // A name would be asked for at a registry, where it may be somebody else's.
  assert.match(ContainerSpec.Image, /^sha256:[0-9a-f]{64}$/)
  assert.ok(Placement.Constraints.includes(`node.id == ${node.nodeId}`))
  const before = (await tasksOf(service)).map(({ ID }) => ID)
  first.child.kill('SIGKILL')
  await first.ended
  const second = start('up', '--port', '0')
  await said(second, /nothing was restarted/)
  assert.deepEqual(
    (await controllers()).map(({ ID }) => ID),
    [service.ID],
  )
  assert.deepEqual(
    (await tasksOf(service)).map(({ ID }) => ID),
    before,
  )
  const down = start('down', '--now')
  assert.equal(await down.ended, 0, down.text())
  await second.ended
  await assertNothingRuns()
})

test('a daemon that is in no Swarm is refused with how to make one', async () => {
  await dockerCall(node.socket, 'POST', '/swarm/leave?force=1')
  const run = start('up', '--once', '--port', '0')
  assert.equal(await run.ended, 2, run.text())
  assert.match(run.text(), /is in no Swarm: make one of it with "docker swarm init"/)
})
