/** The command line as a process of its own, against a server that speaks the API's contract. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CliRun } from '../support/cli-run.ts'
import { FAKE_TOKEN, type FakeApi } from '../support/fake-api.ts'
import { startFakeFleet } from '../support/fake-fleet.ts'
import { controllerView, eventView } from '../support/views.ts'
import { waitFor } from '../support/wait.ts'

const connected = (api: FakeApi): NodeJS.ProcessEnv => ({ MANOR_URL: api.url, MANOR_TOKEN: FAKE_TOKEN })
const manor = async (api: FakeApi, words: string, input = '') => {
  const run = new CliRun(words.split(' '), connected(api), input)
  return { code: await run.ended, stdout: run.stdout, stderr: run.stderr }
}

test('every list and look answers as text and as the JSON of the API', async t => {
  await using api = await startFakeFleet()
  const looks: readonly (readonly [words: string, text: RegExp])[] = [
    ['status', /^Manor 0\.1\.0 has been up for/],
    ['controller list', /^NAME[\s\S]*team-a +● ready/],
    ['controller show team-a', /^team-a {2}● ready for/],
    ['controller explain team-b', /Hudson is loading its plugins/],
    ['controller credentials team-a', /password +correct-horse/],
    ['controller open team-a', /^http:\/\/localhost:8080\/team-a\/\n$/],
    ['controller logs team-a', /^INFO: Jetty is ready\n/],
    ['agent list', /team-a-linux-k7m2p +● busy/],
    ['agent show team-a-linux-k7m2p', /to online +1\.3s/],
    ['agent explain team-a/17', /^Item 17 of team-a: waiting/],
    ['queue list', /No host has 512 MB left/],
    ['build list', /deploy #2 +✖ FAILURE/],
    ['build list --controller team-a', /compile #4/],
    ['template list', /linux java \(and none\)/],
    ['template show default', /^# Memory: [^\n]+\nname: default\n/],
    ['host list', /3\.5 of 8 +4 GB of 15 GB/],
    ['tenant list', /payments +█+▒+░*│ 1\.5 [\s\S]*4 cores, 8 GB[\s\S]*A whole bar is 4 cores, 8 GB/],
    [
      'tenant show payments',
      /^payments {2}weight 2[\s\S]*cores +█+│?█*▒+░*│ 1\.5 used, 1 waited for, 1 guaranteed, at most 4[\s\S]*payments: The guarantees/,
    ],
    ['event list', /controller +Controller team-a is ready/],
    ['token list', /t-1 +ci +developer/],
    ['token create wall --role viewer', /^manor_secret\n$/],
    ['token revoke t-1', /revoked/],
    ['template delete default', /deleted/],
    ['console', /^http:\/\/localhost:8080\/sign-in\?code=abc\n$/],
    ['version', /^\d+\.\d+\.\d+\n$/],
  ]
  for (const [words, text] of looks)
    await t.test(words, async () => {
      const [shown, json] = await Promise.all([manor(api, words), manor(api, `${words} --json`)])
      assert.deepEqual([shown.code, json.code], [0, 0], shown.stderr + json.stderr)
      assert.match(shown.stdout, text)
      assert.ok(!shown.stdout.includes('\u001b'), 'no colours in a pipe')
      assert.doesNotMatch(shown.stdout, /undefined|NaN/)
      for (const value of words.includes('logs') ? json.stdout.trimEnd().split('\n') : [json.stdout]) JSON.parse(value)
    })
})

test('bad input is refused in a sentence that says the mend, with exit code 2', async t => {
  await using api = await startFakeFleet()
  const refused: readonly (readonly [words: string, sentence: RegExp])[] = [
    ['controler list', /^error: Unknown command 'controler'\. Did you mean controller\? See \.\/manor --help\.\n$/],
    ['controller lits', /^error: Unknown command 'lits'\. Did you mean list\? See \.\/manor controller --help\.\n$/],
    ['controller list --jsn', /^error: Unknown option '--jsn'\. Did you mean --json\?/],
    ['controller create', /^error: Missing required argument 'name'\./],
    ['controller create x --memory 12', /^error: --memory is "12": it lacks its unit, for example 12m or 12g\.\n$/],
    ['controller create x --memory 100m', /^error: --memory is 100: give 384 to 1048576 MB\.\n$/],
    ['controller create x --grace soon', /^error: --grace is "soon": give a length of time/],
    ['controller create x --distribution hudsn', /^error: --distribution is "hudsn": give one of jenkins, hudson\. Did you mean hudson\?/],
    ['controller create team-a', /^error: There is a controller named team-a already/],
    ['controller show tema-a', /Did you mean team-a or team-b\?\n$/],
    ['controller stop attic', /allowed: start, delete\.\n$/],
    ['controller set team-a', /^error: Nothing to change was given/],
    ['agent explain a/b/c', /^error: "a\/b\/c" is no item: write it as CONTROLLER\/ITEM/],
    ['tenant show paymnets', /^error: There is no tenant named paymnets\. Did you mean payments\?\n$/],
    ['tenant weight payments 0', /^error: weight is "0": give a number larger than 0, for example 2 or 0\.5\.\n$/],
    ['tenant weight payments -- -1', /^error: weight is "-1": give a number larger than 0/],
    ['tenant weight payments -1', /^error: weight is "-1": give a number larger than 0/],
    ['tenant weight payments NaN', /^error: weight is "NaN"/],
    ['tenant create x --weight much', /^error: --weight is "much": give a number larger than 0/],
    ['tenant create x --memory-quota 12', /^error: --memory-quota is "12": it lacks its unit/],
    ['tenant quota payments', /^error: Nothing to change was given: use --cpu, --memory, --disk or --none/],
    ['tenant quota payments --cpu much', /^error: --cpu is "much": give a number of cores, for example 2 or 0\.5, or none\.\n$/],
    ['tenant quota payments --cpu 2 --none', /^error: --none takes all away: give it alone\.\n$/],
    ['tenant quota payments --gpu 2', /^error: Unknown option '--gpu'\. Did you mean --cpu\?/],
    ['tenant policy payments', /^error: Nothing to change was given/],
    ['tenant policy payments --preemptible maybe', /^error: --preemptible is "maybe": give one of yes, no\./],
    ['event list --kind contoller', /^error: --kind is "contoller": give one of controller, .* Did you mean controller\?/],
    ['template apply /nowhere.yaml', /^error: \/nowhere\.yaml cannot be read: there is no such file\./],
    ['status --token wrong', /^error: The token is not known: sign in anew\.\n$/],
    ['status --home /nowhere', /^error: Manor is not running at \/nowhere: start it with \.\/manor up\.\n$/],
  ]
  for (const [words, sentence] of refused)
    await t.test(words, async () => {
      const { code, stdout, stderr } = await manor(api, words)
      assert.equal(code, 2)
      assert.match(stderr, sentence)
      assert.equal(stdout, '')
    })
})

test('a home whose Manor is gone says so', async () => {
  const home = await mkdtemp(join(tmpdir(), 'manor-cli-'))
  const gone = await startFakeFleet()
  const { url } = gone
  await gone[Symbol.asyncDispose]()
  try {
    await mkdir(join(home, 'run'))
    await writeFile(join(home, 'run', 'manor.json'), JSON.stringify({ url, pid: 1 }))
    await writeFile(join(home, 'run', 'token'), 'token')
    const run = new CliRun(['status'], { MANOR_HOME: home })
    assert.equal(await run.ended, 2)
    assert.equal(run.stderr, `error: Manor is not running at ${home}: start it with ./manor up.\n`)
  } finally {
    await rm(home, { recursive: true })
  }
})

test('help: the program alone shows it, a noun alone is wrong usage, and every help has examples', async () => {
  await using api = await startFakeFleet()
  const alone = new CliRun([], connected(api))
  assert.equal(await alone.ended, 0)
  assert.match(alone.stdout, /A first walk:/)
  const noun = await manor(api, 'controller')
  assert.equal(noun.code, 2)
  assert.match(noun.stderr, /create <name>/)
  for (const words of ['controller create --help', 'help controller', 'event list -h']) {
    const { code, stdout } = await manor(api, words)
    assert.equal(code, 0)
    assert.match(stdout, /Examples:/)
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, `fits 80 columns: ${line}`)
  }
})

test('create --wait shows each step, over a lost connection, and ends with what became of it', async t => {
  const phases = async (phase: 'ready' | 'failed') => {
    await using api = await startFakeFleet()
    const run = new CliRun(['controller', 'create', 'new', '--wait'], connected(api))
    await waitFor(() => api.listeners > 0, { what: 'it listens', seen: () => run.stderr })
    const reason = { code: 'waiting-boot', message: 'Hudson is loading.', since: Date.now() } as const
    api.change({ kind: 'controller', id: 'other', view: controllerView('other', { phase: 'failed', revision: 9 }) })
    api.change({ kind: 'controller', id: 'new', view: controllerView('new', { phase: 'starting', epoch: 1, revision: 2, reason }) })
    await waitFor(() => run.stdout.includes('Hudson is loading.'), { what: 'the step is shown' })
    api.cut()
    await waitFor(() => api.resumedAfter.length > 1, { what: 'it comes back' })
    assert.equal(api.resumedAfter.at(-1), '2', 'where it was')
    api.change({
      kind: 'controller',
      id: 'new',
      view: controllerView('new', {
        phase,
        phaseSince: Date.now() + 1,
        epoch: 1,
        revision: 3,
        ...(phase === 'failed' ? { reason: { ...reason, message: 'Out of memory.' } } : {}),
      }),
    })
    return { code: await run.ended, stdout: run.stdout, stderr: run.stderr }
  }
  await t.test('ready is exit code 0', async () => {
    const { code, stdout, stderr } = await phases('ready')
    assert.equal(code, 0, stderr)
    assert.match(
      stdout,
      /◐ pending\n.*◐ starting {2}Hudson is loading\.\n.*● ready\nController new is ready after .*: http:\/\/localhost:8080\/new\/\n$/,
    )
  })
  await t.test('failed is exit code 1', async () => {
    const { code, stderr } = await phases('failed')
    assert.equal(code, 1)
    assert.equal(stderr, 'error: Controller new failed: Out of memory.\n')
  })
})

test('a wait has an end', async () => {
  await using api = await startFakeFleet()
  const { code, stderr } = await manor(api, 'controller start attic --wait --timeout 300ms')
  assert.equal(code, 1)
  assert.match(stderr, /^error: Controller attic was not ready after 0\.3s; Manor goes on with it\./)
})

test('event list --follow goes on until ctrl-C, and shows only what was asked for', async () => {
  await using api = await startFakeFleet()
  const run = new CliRun(['event', 'list', '--follow', '--subject', 'team-a', '--json'], connected(api))
  await waitFor(() => api.listeners > 0, { what: 'it listens' })
  api.event(eventView(10, 'Not this one.', { subject: 'team-b' }))
  api.event(eventView(11, 'Controller team-a is stopping.'))
  await waitFor(() => run.stdout.includes('stopping'), { what: 'the event is shown' })
  run.child.kill('SIGINT')
  assert.equal(await run.ended, 130)
  assert.deepEqual(
    run.stdout
      .trimEnd()
      .split('\n')
      .map(line => (JSON.parse(line) as { seq: number }).seq),
    [1, 2, 11],
  )
  assert.equal(run.stderr, '')
})

test('logs --follow shows what is written, once', async () => {
  await using api = await startFakeFleet()
  let log = 'one\n'
  api.on('GET /controllers/team-a/log', undefined, () => ({ text: log }))
  const run = new CliRun(['controller', 'logs', 'team-a', '--follow'], connected(api))
  await waitFor(() => run.stdout === 'one\n', { what: 'the end of the log' })
  log += 'two\nthr'
  await waitFor(() => run.stdout === 'one\ntwo\n', { what: 'whole lines' })
  log += 'ee\n'
  await waitFor(() => run.stdout === 'one\ntwo\nthree\n', { what: 'the line is whole' })
  run.child.kill('SIGINT')
  assert.equal(await run.ended, 130)
})

test('template apply reads standard input, and changes nothing where any of it is wrong', async () => {
  await using api = await startFakeFleet()
  const good = await manor(api, 'template apply -', 'name: linux\nlabels: [linux]\nresources: { memory: 1g }\n')
  assert.equal(good.stdout, 'Template linux is applied.\n')
  assert.deepEqual(api.requests.at(-1)?.body, { labels: ['linux'], resources: { memoryMb: 1024 } })
  const before = api.requests.length
  const bad = await manor(api, 'template apply -', 'name: linux\n---\nname: b\nlabel: [x]\n')
  assert.deepEqual([bad.code, bad.stderr], [2, 'error: standard input, document 2: there is no field label. Did you mean labels?\n'])
  assert.equal(api.requests.length, before)
})

test('a reader that has seen enough is no error', async () => {
  await using api = await startFakeFleet()
  const run = new CliRun(['controller', 'logs', 'team-a', '--follow'], connected(api))
  await waitFor(() => run.stdout !== '', { what: 'the log is shown' })
  run.child.stdout?.destroy()
  api.on('GET /controllers/team-a/log', undefined, () => ({ text: 'x\n'.repeat(20_000) }))
  assert.equal(await run.ended, 0)
  assert.doesNotMatch(run.stderr, /EPIPE/)
})
