/** The command line against the real API over a real store; what reconcilers would do is done by the test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aController, aHost, anAgent, demandOf, TestApi } from '../../src/api/testing.ts'
import type { Controller } from '../../src/model/index.ts'
import { CliRun } from '../support/cli-run.ts'
import { waitFor } from '../support/wait.ts'

type Fixture = { readonly api: TestApi; readonly start: (words: string, input?: string) => CliRun }

const withApi = async (work: (fixture: Fixture) => Promise<void>): Promise<void> => {
  await using api = await TestApi.open()
  const url = `http://127.0.0.1:${await api.listen()}`
  const env = { MANOR_URL: url, MANOR_TOKEN: await api.token('admin') }
  const runs: CliRun[] = []
  const start = (words: string, input?: string): CliRun => {
    const run = new CliRun(words.split(' '), env, input)
    runs.push(run)
    return run
  }
  try {
    await work({ api, start })
  } finally {
    // Those that a failed test leaves behind would wait for ever.
    for (const { child } of runs) child.kill('SIGKILL')
  }
}

/** Lets the API's clock go on until the command line has shown what is expected. */
const shows = (api: TestApi, run: CliRun, pattern: RegExp): Promise<unknown> =>
  waitFor(
    async () => {
      await api.clock.advance(100)
      return pattern.test(run.stdout)
    },
    { what: `it shows ${pattern}`, seen: () => run.stdout + run.stderr },
  )

const change = (api: TestApi, name: string, changes: Partial<Controller>): Promise<void> =>
  api.store.transact(tx => {
    tx.update('controller', name, controller => ({ ...controller, ...changes }))
    tx.event({ kind: 'controller', subject: name, type: 'phase-changed', actor: 'manor', message: `Controller ${name} is changed.` })
  })

test('every look works on the real API', async () => {
  await withApi(async ({ api, start }) => {
    await api.put('controller', aController('team-a', { host: aHost('machine').id }))
    await api.put('host', aHost('machine'))
    await api.put('demand', demandOf('team-a', ['17']))
    api.credentials.set('team-a', { user: 'admin', password: 'secret-of-team-a' })
    for (const words of [
      'status',
      'controller list',
      'controller show team-a',
      'controller explain team-a',
      'controller credentials team-a',
      'agent list',
      'agent list --all',
      'agent explain team-a/17',
      'queue list',
      'queue list --controller team-a',
      'build list',
      'build list --controller team-a',
      'template list',
      'host list',
      'host show machine',
      'tenant list',
      'tenant show default',
      'event list --limit 5 --kind controller --subject team-a',
      'token create ci --role viewer --expires-in 30d',
      'token list',
      'console',
    ]) {
      const run = start(words)
      assert.equal(await run.ended, 0, `${words}: ${run.stderr}`)
      assert.doesNotMatch(run.stdout, /undefined|NaN/, words)
    }
  })
})

test('what the API refuses is said in the words of the command line', async () => {
  await withApi(async ({ api, start }) => {
    await api.put('controller', aController('team-a', { phase: 'stopped', wanted: 'stopped' }))
    await api.put('host', aHost('machine'))
    for (const [words, sentence] of [
      ['controller create team-b --memory 16m', /^error: --memory is 16: give 384 to \d+ MB\.\n$/],
      ['controller create Team_B', /^error: name "Team_B" is not a DNS label/],
      ['controller create team-a', /^error: There is a controller named team-a already/],
      ['controller create team-b --tenant nobody', /^error: There is no tenant named nobody/],
      ['controller create team-b --tenant defalt', /^error: There is no tenant named defalt: .* Did you mean default\?\n$/],
      ['token create ci --tenant defalt', /^error: There is no tenant named defalt\. Did you mean default\?\n$/],
      ['tenant create default', /^error: There is a tenant named default already: choose another name\.\n$/],
      ['tenant create Team_B', /^error: name "Team_B" is not a DNS label/],
      ['tenant create b --cpu-quota 1 --cpu-guarantee 2', /^error: --cpu-guarantee is 2: above its quota of 1 core\. Give at most 1/],
      [
        'tenant guarantee default --memory 900t',
        /^error: --memory is \d+: the hosts have \d+ MB of memory together\. Give at most \d+, or add hosts\.\n$/,
      ],
      ['host show machin', /^error: There is no host named machin\. There is: machine\.\n$/],
      ['host cordon h9', /^error: There is no host named h9\. There is: machine\.\n$/],
      ['host drain machine --deadline soon', /^error: --deadline is "soon": give a length of time, largest unit first, for example 45s/],
      ['host drain machine --deadline 31d', /^error: --deadline is 31 days: give 0 to 30 days\.\n$/],
      ['host drain machine --timeout 5s', /^error: --timeout is for --wait: give both\.\n$/],
      ['host reserve machine --tenant nobody', /^error: --tenant is "nobody": there is no such tenant\. There is: default\.\n$/],
      ['host role machine build', /^error: .*build.* Allowed choices are any, controllers, builds/],
      [
        'tenant allow default',
        /^error: Nothing was named: use --privileged, --capability, --host-path or --host-network \(see .*allow --help\)\.\n$/,
      ],
      ['tenant deny default', /^error: Nothing was named: use --privileged, .*--host-network or --all \(see .*tenant deny --help\)\.\n$/],
      [
        'tenant allow default --host-path /srv:rx',
        /^error: --host-path is "\/srv:rx": give PATH or PATH:ro to read, PATH:rw to write there\.\n$/,
      ],
      ['tenant allow default --capability NETADMIN', /^error: --capability holds "NETADMIN": give names of Linux/],
      [
        'tenant allow default --host-path /var/run/docker.sock',
        /^error: --host-path holds .*a socket of a container engine, and no policy/,
      ],
      ['tenant weight defalt 2', /^error: There is no tenant named defalt\. Did you mean default\?\n$/],
      ['tenant delete default', /^error: Tenant default still has 1 controller: team-a\. Delete or revoke those first\.\n$/],
      ['controller show tema-a', /Did you mean team-a\?\n$/],
      ['controller stop team-a', /^error: Controller team-a is stopped and cannot be stopped now; allowed: start, delete\.\n$/],
      ['agent show nobody', /^error: There is no agent/],
      ['agent explain team-a/gone', /^error: /],
    ] as const) {
      const run = start(words)
      assert.equal(await run.ended, 2, `${words}: ${run.stdout}`)
      assert.match(run.stderr, sentence)
    }
  })
})

test('a host is reserved, drained with its builds in sight, and put back', async () => {
  await withApi(async ({ api, start }) => {
    const machine = aHost('machine').id
    await api.put('host', aHost('machine'))
    await api.put('controller', aController('team-a', { host: machine }))
    await api.put('agent', anAgent('team-a-1', 'team-a', { host: machine, phase: 'busy', build: { job: 'nightly', number: 3 } }))
    const { item: _none, ...spare } = anAgent('team-a-2', 'team-a', { host: machine, phase: 'online', task: '' })
    await api.put('agent', spare)
    const does = async (words: string, sentence: RegExp): Promise<void> => {
      const run = start(words)
      assert.equal(await run.ended, 0, `${words}: ${run.stderr}`)
      assert.match(run.stdout, sentence, words)
    }
    await does('host role machine builds', /^Host machine is for builds now\.\n$/)
    await does('host reserve machine --tenant default', /^Host machine is for builds of default now\.\n$/)
    await does('host unreserve machine', /^Host machine is for builds now\.\n$/)
    await does('host role machine any', /^Host machine is for all now\.\n$/)
    await does('status', /1 host {2,}[\d.]+ of/)
    await does('host cordon machine', /^Host machine takes nothing new\./)
    await does('status', /1 host {2,}\S 1 cordoned; [\d.]+ of/)
    await does('host drain machine --deadline 30m', /emptied of 1 controller and 2 agents; builds have 30m\./)
    await does(
      'host show machine',
      /draining[\s\S]*Deadline [\s\S]*team-a .*ready[\s\S]*team-a-1 .*busy.*nightly #3\n.*team-a-2 .*online.*warm spare/,
    )
    const drain = start('host drain machine --wait --json')
    await waitFor(() => /It is being emptied/.test(drain.stderr), { what: 'it says what is going on', seen: () => drain.stderr })
    await api.put('host', aHost('machine', { state: 'drained' }))
    assert.equal(await drain.ended, 0, drain.stderr)
    assert.equal((JSON.parse(drain.stdout) as { state: string }).state, 'drained')
    await does('host uncordon machine', /^Host machine takes work again\.\n$/)
  })
})

test('create, stop, start and delete wait for what the reconciler does', async () => {
  await withApi(async ({ api, start }) => {
    const create = start('controller create team-a --memory 1g --cpu 2 --wait')
    await shows(api, create, /pending/)
    await change(api, 'team-a', { phase: 'starting', phaseSince: api.clock.now(), epoch: 1 })
    await shows(api, create, /starting/)
    await change(api, 'team-a', { phase: 'ready', phaseSince: api.clock.now() })
    await shows(api, create, /Controller team-a is ready after/)
    assert.equal(await create.ended, 0)
    assert.deepEqual([api.store.get('controller', 'team-a')?.spec.memoryMb, api.store.get('controller', 'team-a')?.spec.cpu], [1024, 2])

    const restart = start('controller restart team-a --wait')
    await shows(api, restart, /ready/)
    await change(api, 'team-a', { phase: 'stopping', phaseSince: api.clock.now() })
    await shows(api, restart, /stopping/)
    await change(api, 'team-a', { phase: 'ready', phaseSince: api.clock.now(), epoch: 2, restartsDone: 1 })
    await shows(api, restart, /is ready after/)
    assert.equal(await restart.ended, 0)

    const stop = start('controller stop team-a --wait')
    await shows(api, stop, /ready/)
    await change(api, 'team-a', { phase: 'stopped', phaseSince: api.clock.now() })
    await shows(api, stop, /is stopped after/)
    assert.equal(await stop.ended, 0)

    const failing = start('controller start team-a --wait')
    await shows(api, failing, /stopped/)
    const reason = { code: 'boot-failed', message: 'It ended with exit code 1.', since: api.clock.now() } as const
    await change(api, 'team-a', { phase: 'failed', phaseSince: api.clock.now(), reason })
    await shows(api, failing, /failed/)
    assert.equal(await failing.ended, 1)
    assert.equal(failing.stderr, 'error: Controller team-a failed: It ended with exit code 1.\n')

    const gone = start('controller delete team-a --wait')
    await shows(api, gone, /failed/)
    await api.remove('controller', 'team-a')
    await shows(api, gone, /is deleted/)
    assert.equal(await gone.ended, 0)
  })
})

test('templates are applied, shown as the same file, and deleted', async () => {
  await withApi(async ({ api, start }) => {
    const apply = start(
      'template apply -',
      'name: linux\nlabels: [linux]\nresources: { cpu: 2, memory: 1g, disk: 2g }\nconnectTimeout: 90s\n',
    )
    assert.equal(await apply.ended, 0, apply.stderr)
    assert.equal(api.store.get('template', 'linux')?.connectTimeoutMs, 90_000)
    const shown = start('template show linux')
    assert.equal(await shown.ended, 0, shown.stderr)
    const again = start('template apply -', shown.stdout)
    assert.equal(await again.ended, 0, again.stderr)
    const removed = start('template delete linux')
    assert.equal(await removed.ended, 0, removed.stderr)
    assert.equal(api.store.get('template', 'linux'), undefined)
  })
})

test('a tenant is made, bounded, guaranteed, weighed, loosened and deleted', async () => {
  await withApi(async ({ api, start }) => {
    await api.put('host', aHost('machine', { capacity: { cpu: 16, memoryMb: 32_768, diskMb: 100_000 } }))
    const does = async (words: string, sentence: RegExp): Promise<void> => {
      const run = start(words)
      assert.equal(await run.ended, 0, `${words}: ${run.stderr}`)
      assert.match(run.stdout, sentence)
    }
    await does(
      'tenant create red --weight 2 --memory-quota 16g --preemptible yes',
      /^Tenant red is made\. .*controller create red-ci --tenant red\n$/,
    )
    await does('tenant quota red --cpu 8', /^Agents of red may use at most 8 cores, 16 GB of memory at a time\.\n$/)
    await does(
      'tenant guarantee red --cpu 4 --memory 4g',
      /^Agents of red get 4 cores, 4 GB of memory before others get more than theirs\.\n$/,
    )
    await does('tenant quota red --memory none', /^Agents of red may use at most 8 cores at a time\.\n$/)
    await does('tenant weight red 0.5', /^Tenant red weighs 0\.5 now\./)
    const { quota, guarantee, weight, policy } = api.store.get('tenant', 'red') ?? {}
    assert.deepEqual([quota, guarantee, weight, policy], [{ cpu: 8 }, { cpu: 4, memoryMb: 4_096 }, 0.5, { preemptible: true }])
    await does('tenant list', /red +░+│░+│ 0 +[^\n]*4 cores, 4 GB +8 cores +yes\n/)
    await does('tenant policy red --preemptible no', /^Agents of red are never stopped for others\.\n$/)
    await does(
      'tenant allow red --capability NET_ADMIN --host-path /srv/cache:rw',
      /^Templates of red may ask for: NET_ADMIN, \/srv\/cache \(written\)\.\n$/,
    )
    await does('tenant allow red --privileged --host-path /srv/cache:ro', /may ask for: privileged, NET_ADMIN, \/srv\/cache\.\n$/)
    await does('tenant show red', /builds may have +privileged, NET_ADMIN, \/srv\/cache\n/)
    await does('tenant deny red --privileged --capability NET_ADMIN', /may ask for: \/srv\/cache\.\n$/)
    await does('tenant deny red --all', /^Templates of red may ask for nothing of the hosts\.\n$/)
    await does('tenant quota red --none', /^Agents of red have no quota\.\n$/)
    await does('tenant guarantee red --none --json', /"id": "red"/)
    assert.deepEqual(Object.keys(api.store.get('tenant', 'red') ?? {}).sort(), ['createdAt', 'id', 'weight'])
    await does('tenant delete red', /^Tenant red is deleted\.\n$/)
    assert.equal(api.store.get('tenant', 'red'), undefined)
  })
})

test('a guarantee that nothing could be held against is made, and said so', async () => {
  await withApi(async ({ start }) => {
    const run = start('tenant create red --cpu-guarantee 900')
    assert.equal(await run.ended, 0, run.stderr)
    assert.match(run.stdout, /red: No host is known yet/)
  })
})

test('events are followed, each told once', async () => {
  await withApi(async ({ api, start }) => {
    await api.put('controller', aController('team-a'))
    const run = start('event list --follow --kind controller')
    await shows(api, run, /Put by a test/)
    await waitFor(async () => (await api.openConnections()) > 0, { what: 'it listens' })
    await api.put('controller', aController('team-b'))
    await shows(api, run, /Put by a test[\s\S]*Put by a test/)
    run.child.kill('SIGINT')
    assert.equal(await run.ended, 130)
    assert.equal(run.stdout.trimEnd().split('\n').length, 2)
  })
})
