/** The start of a task in the smallest image there is: busybox alone, its wget in place of curl, its ash in place of a shell. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { BOOTSTRAP } from '../../src/engines/marathon/bootstrap.ts'
import { Records } from '../../src/engines/marathon/records.ts'
import { type SecondTask, StartDesk } from '../../src/engines/marathon/start.ts'
import { tenantId, type Workload, workloadId } from '../../src/model/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { waitFor } from '../support/wait.ts'

let home: string
let applets: string
let records: Records
let desk: StartDesk
const seconds: SecondTask[] = []
const server = createServer((request, response) => {
  const { status, headers, body } = desk.answer(new URL(request.url ?? '/', 'http://start'))
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
})

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'manor-busybox-'))
  applets = join(home, 'bin')
  mkdirSync(applets)
  execFileSync('busybox', ['--install', '-s', applets])
  records = new Records(join(home, 'records'))
  desk = new StartDesk({ records, clock: systemClock, onSecond: second => seconds.push(second), onChange: () => undefined })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
const children: ChildProcess[] = []
after(async () => {
  for (const child of children) if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  server.closeAllConnections()
  await new Promise(done => server.close(done))
  await rm(home, { recursive: true, force: true })
})

let count = 0
type Started = { readonly child: ChildProcess; readonly workload: Workload; readonly said: () => string; readonly exit: Promise<number> }

const start = (script: string, task = 't1', given?: Workload): Started => {
  const noun = `c-${++count}`
  const workload: Workload = given ?? {
    id: workloadId(`${noun}.1`),
    labels: { owner: 'test', kind: 'controller', noun, epoch: 1 },
    tenant: tenantId('team-a'),
    account: `controller/${noun}`,
    command: ['sh', '-c', script],
    environment: { TEXT: `it's ü` },
    files: [
      { path: 'deep/text', content: `it's\n{dir}`, mode: 0o600 },
      { path: 'bytes', content: Buffer.from([0, 1, 255]).toString('base64'), encoding: 'base64', mode: 0o644 },
    ],
    mounts: [],
    image: 'busybox',
    resources: { cpu: 1, memoryMb: 64, diskMb: 0 },
    ports: { http: 0 },
    graceMs: 1_000,
  }
  records.create({ workload, token: 'token', app: `/manor/team-a/${noun}`, createdAt: 0 })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('The server has no port.')
  const sandbox = join(home, `sandbox-${count}`)
  mkdirSync(sandbox)
  const child = spawn(join(applets, 'sh'), ['-c', BOOTSTRAP], {
    cwd: sandbox,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: applets,
      MANOR_START: `http://127.0.0.1:${address.port}/start/${workload.id}?token=token`,
      MESOS_TASK_ID: task,
      MESOS_SANDBOX: sandbox,
      PORTS: '31001',
      PORT0: '31001',
      HOST: 'agent',
    },
  })
  children.push(child)
  let text = ''
  child.stdout?.on('data', (part: Buffer) => {
    text += part.toString('utf8')
  })
  const exit = once(child, 'close').then(([code]) => Number(code))
  return { child, workload, said: () => text, exit }
}

test('a command runs with its files and environment, and its end is told', async () => {
  const { workload, said, exit } = start('echo "[$TEXT] port {port:http}"; cat "$HOME/deep/text"; env; exit 9')
  assert.equal(await exit, 9)
  assert.match(said(), /^manor: start of t1\n\[it's ü\] port 31001\nit's\n\/.+\/manor/)
  assert.doesNotMatch(said(), /token|MESOS_|^PORT/m)
  assert.equal(records.of(workload.id).exit?.status, 9)
  assert.deepEqual([...readFileSync(join(home, `sandbox-${count}`, 'manor/bytes'))], [0, 1, 255])
})

test('a polite signal reaches the command, whose own end is told', async () => {
  const { child, workload, said, exit } = start('trap "echo polite; exit 3" TERM; echo ready; while :; do sleep 0.05; done')
  await waitFor(() => said().includes('ready'), { what: 'it runs' })
  child.kill('SIGTERM')
  assert.equal(await exit, 3)
  assert.equal(
    said()
      .split('\n')
      .filter(line => line === 'polite').length,
    1,
  )
  assert.equal(records.of(workload.id).exit?.status, 3)
})

test('a second task is refused', async () => {
  const first = start('sleep 60')
  await waitFor(() => first.said().includes('manor: start'), { what: 'the first runs' })
  const second = start('', 't2', first.workload)
  assert.equal(await second.exit, 78)
  assert.equal(seconds[0]?.holder, 't1')
  first.child.kill('SIGTERM')
  assert.equal(await first.exit, 143)
})
