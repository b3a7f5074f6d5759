/** Completion in a real bash, as the Tab key does it. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { FAKE_TOKEN, type FakeApi } from '../support/fake-api.ts'
import { startFakeFleet } from '../support/fake-fleet.ts'

const root = join(import.meta.dirname, '../..')
const script = join(root, 'src/cli/completion/manor.bash')

/** What bash offers for a line whose last word is being written. `words` are as bash cuts them. */
const offered = async (env: NodeJS.ProcessEnv, ...words: string[]): Promise<readonly string[]> => {
  const program = [
    // Only a running completion may set options of its own.
    'compopt() { :; }',
    `source '${script}'`,
    `complete -p ./manor >/dev/null || exit 9`,
    `COMP_WORDS=(./manor ${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`,
    '_manor',
    `printf '%s\\n' "\${COMPREPLY[@]}"`,
  ].join('\n')
  const child = spawn('bash', ['--norc', '-c', program], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const code = await new Promise(resolve => child.on('close', resolve))
  assert.equal(code, 0)
  return text.split('\n').filter(line => line !== '')
}

const connected = (api: FakeApi): NodeJS.ProcessEnv => ({ MANOR_URL: api.url, MANOR_TOKEN: FAKE_TOKEN })

test('bash completes commands, options, choices, and the names that a running Manor knows', async () => {
  await using api = await startFakeFleet()
  const env = connected(api)
  assert.deepEqual(await offered(env, 'contr'), ['controller'])
  assert.deepEqual(await offered(env, 'controller', 'st'), ['start', 'stop'])
  assert.deepEqual(await offered(env, 'controller', 'show', 'team-'), ['team-a', 'team-b'])
  assert.deepEqual(await offered(env, 'controller', 'create', 'x', '--distribution', ''), ['jenkins', 'hudson'])
  assert.deepEqual(await offered(env, 'simulate', '--faults', ''), ['none', 'mild', 'hard'])
  assert.deepEqual(await offered(env, 'agent', 'explain', 'team-a/'), ['team-a/17', 'team-a/18'])
  assert.deepEqual(await offered(env, 'queue', 'list', '--js'), ['--json'])
  assert.deepEqual((await offered(env, 'template', 'apply', 'pack')).toSorted(), ['package-lock.json', 'package.json'])
  assert.deepEqual(await offered(env, 'controller', 'list', '--home', '=', 'sr'), ['src'])
})

test('where Manor does not run, or does not answer in time, nothing is offered and nothing is said', async () => {
  assert.deepEqual(await offered({ MANOR_HOME: '/nowhere' }, 'controller', 'show', ''), [])
  await using api = await startFakeFleet()
  api.on('GET /controllers', undefined, () => new Promise(() => {}))
  const started = performance.now()
  assert.deepEqual(await offered(connected(api), 'controller', 'show', ''), [])
  assert.ok(performance.now() - started < 5_000)
})

test('./manor completion SHELL prints the script of that shell', () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { status, stdout } = spawnSync(join(root, 'manor'), ['completion', shell], { encoding: 'utf8' })
    assert.equal(status, 0)
    assert.match(stdout, /__complete/)
  }
  const { stdout } = spawnSync('bash', ['--norc', '-c', 'source <(./manor completion bash); complete -p manor'], {
    cwd: root,
    encoding: 'utf8',
  })
  assert.equal(stdout, 'complete -F _manor manor\n')
})
