import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { tenantId, type Workload, workloadId } from '../../model/index.ts'
import { seededRandom } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { fillPlaceholders } from './placeholders.ts'
import { CHOSEN_PORTS, choosePorts } from './ports.ts'
import { checkWorkload, fillWorkload } from './prepare.ts'
import { runScript } from './run-script.ts'

const WORKLOAD: Workload = {
  id: workloadId('w-1'),
  labels: { owner: 'o', kind: 'agent', noun: 'a', epoch: 1 },
  tenant: tenantId('team-a'),
  account: 'agents/team-a',
  command: ['java', '-Djava.io.tmpdir={dir}/tmp', '--httpPort={port:http}'],
  environment: { HOME: '{dir}/home', URL: 'http://localhost:{port:http}/' },
  workingDirectory: '{dir}/work',
  files: [{ path: 'policy.json', content: '{"port":{port:http},"dir":"{dir}","other":"{x}"}', mode: 0o600 }],
  mounts: [],
  resources: { cpu: 1, memoryMb: 64, diskMb: 0 },
  ports: { http: 0 },
  graceMs: 1_000,
}

test('placeholders are filled in everywhere, and other braces stay', () => {
  const filled = fillWorkload(WORKLOAD, '/d', { http: 81 })
  assert.deepEqual(filled.command, ['java', '-Djava.io.tmpdir=/d/tmp', '--httpPort=81'])
  assert.equal(filled.environment.HOME, '/d/home')
  assert.equal(filled.environment.URL, 'http://localhost:81/')
  assert.equal(filled.environment.MANOR_WORKLOAD, 'w-1')
  assert.equal(filled.workingDirectory, '/d/work')
  assert.equal(filled.files[0]?.content, '{"port":81,"dir":"/d","other":"{x}"}')
})

test('what was filled in is not filled in again', () => {
  const never = (name: string): never => assert.fail(name)
  assert.equal(fillPlaceholders('{dir}', '/a{dir}{port:x}', {}, never), '/a{dir}{port:x}')
  assert.equal(fillPlaceholders('{dir}', '$&$1', {}, never), '$&$1')
})

const REFUSED: readonly (readonly [what: string, change: Partial<Workload>])[] = [
  ['an id that is a path', { id: workloadId('../w') }],
  ['an id that is hidden', { id: workloadId('.w') }],
  ["the engine's own account", { account: '_probe' }],
  ['an account that would be two lines', { account: 'a\nroot:x:0:0' }],
  ['no program', { command: [''] }],
  ['a program that looks like an option', { command: ['-a'] }],
  ['a zero byte', { command: ['sh', 'a\0b'] }],
  ['a file that is the directory itself', { files: [{ path: '.', content: '', mode: 0o600 }] }],
  ['a file that climbs out', { files: [{ path: 'a/../../b', content: '', mode: 0o600 }] }],
  ['a mount elsewhere', { mounts: [{ source: '/a', target: '/b', readOnly: true }] }],
  ['a privileged container', { access: { privileged: true } }],
  ['a path of the host', { access: { hostPaths: [{ path: '/srv' }] } }],
  ['a mount by a relative path', { mounts: [{ source: 'a', target: 'a', readOnly: true }] }],
]

for (const [what, change] of REFUSED)
  test(`refused: ${what}`, () => {
    assert.throws(
      () => checkWorkload({ ...WORKLOAD, ...change }, 'o'),
      cause => cause instanceof EngineError && !cause.retryable,
    )
  })

test('a right one passes', () => {
  checkWorkload(WORKLOAD, 'o')
  checkWorkload({ ...WORKLOAD, files: [{ path: 'a/../b', content: '', mode: 0o600 }] }, 'o')
})

test('the run script hands on environment and arguments whatever they hold', () => {
  const hard = `it's "hard" $HOME \`x\` \\ \n end`
  const script = runScript(['printf', '%s|', hard, '', '*'], { TEXT: hard, PATH: '/usr/bin:/bin' }, '/')
  assert.equal(execFileSync('sh', ['-s'], { input: script, encoding: 'utf8' }), `${hard}||*|`)
  const shown = runScript(['printenv', 'TEXT'], { TEXT: hard, PATH: '/usr/bin:/bin' }, '/')
  assert.equal(execFileSync('sh', ['-s'], { input: shown, encoding: 'utf8' }), `${hard}\n`)
})

test('ports: 0 is one of the range that nobody has, a fixed one is had or refused', async () => {
  const random = seededRandom(1)
  const { a = 0, b = 0 } = await choosePorts({ a: 0, b: 0 }, () => false, random)
  for (const port of [a, b]) assert.ok(port >= CHOSEN_PORTS[0] && port <= CHOSEN_PORTS[1])
  assert.notEqual(a, b)
  const server = createServer()
  await new Promise<void>(resolve => server.listen(a, '127.0.0.1', resolve))
  try {
    await assert.rejects(
      choosePorts({ a }, () => false, random),
      cause => cause instanceof EngineError && cause.retryable,
    )
  } finally {
    await new Promise(resolve => server.close(resolve))
  }
  assert.deepEqual(await choosePorts({ a }, () => false, random), { a })
  await assert.rejects(
    choosePorts({ a }, port => port === a, random),
    EngineError,
  )
  await assert.rejects(
    choosePorts({ a, b: a }, () => false, random),
    EngineError,
  )
  await assert.rejects(
    choosePorts({ a: 0 }, () => true, random),
    /No free port/,
  )
})
