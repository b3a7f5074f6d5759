/**
 * `manor up --once` on a Mesos: the tests' own, or one that somebody else started (`--master URL`), on which nothing is left. On the latter it is
 * only tried where all hosts see this machine's files, since a home of Manor's lies there; `--up no` leaves it out in any case.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { frameworkIdsIn } from '../../src/control-plane/engine-records.ts'
import { layoutOf } from '../../src/control-plane/index.ts'
import type { MesosEngineOptions } from '../../src/engines/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { openSqliteStore } from '../../src/store/index.ts'
import { startMesos } from './mesos.ts'
import { givenCluster, memoryState, openEngine, placing } from './mesos-engine.ts'
import { shellWorkload } from './shell-workload.ts'
import { waitFor } from './wait.ts'

const ROOT = join(import.meta.dirname, '../..')
const WITHIN_MS = 5 * 60_000
const RESOURCES = 'cpus:4;mem:6000;disk:20000;ports:[31000-31099]'
const OWNER = 'manor-up-test'

type Cluster = NonNullable<ReturnType<typeof givenCluster>>

/** Runs the sample build and takes everything down; `words` are more of `manor up`. `given` is whose framework is torn down in the end. */
export const manorUp = async (config: string | undefined, words: readonly string[], given: Cluster | undefined): Promise<string> => {
  const home = await mkdtemp(join(tmpdir(), 'manor-up-'))
  try {
    if (config !== undefined) await writeFile(join(home, 'manor.yaml'), config)
    const { code, text } = await run('up', '--once', '--home', home, '--port', '0', ...words)
    assert.equal(code, 0, text)
    assert.match(text, /sample build: SUCCESS/)
    return text
  } finally {
    if (given !== undefined) await tearDown(home, given)
    await rm(home, { recursive: true, force: true })
  }
}

/** As whom engines of these tests run on a cluster of others: the same user as `manor up`, since a framework's does not change. */
const optionsFor = ({ credentials }: Cluster): Partial<MesosEngineOptions> => ({
  user: userInfo().username,
  ...(credentials === undefined ? {} : { credentials }),
})

/** A framework without tasks that nobody connects any more stays in Mesos for two weeks: on a cluster of others it goes with its home. */
const tearDown = async (home: string, given: Cluster): Promise<void> => {
  const store = await openSqliteStore(layoutOf(home).database, systemClock)
  const framework = await frameworkIdsIn(store).read()
  await store.close()
  if (framework === undefined) return
  const state = memoryState()
  await state.frameworkIds.swap(undefined, framework)
  const engine = await openEngine(given.url, OWNER, state, optionsFor(given))
  await engine.teardown(AbortSignal.timeout(30_000))
  await engine.close()
}

const run = (...words: readonly string[]): Promise<{ readonly code: number | null; readonly text: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(join(ROOT, 'manor'), words, { stdio: ['ignore', 'pipe', 'pipe'], timeout: WITHIN_MS })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += chunk))
    child.on('error', reject)
    child.on('exit', code => resolve({ code, text }))
  })

/** Runs `work` with the settings of an engine on a Mesos, as they stand in manor.yaml; or says why it does not. */
export const onMesos = async (
  context: TestContext,
  work: (settings: string, given: Cluster | undefined) => Promise<void>,
): Promise<void> => {
  const given = givenCluster()
  if (given === undefined) {
    await using mesos = await startMesos({ agents: 1, resources: RESOURCES })
    await mesos.registered(1)
    await work(`leaders: ['${mesos.url}'], user: root`, undefined)
    return
  }
  if (process.env.MANOR_TEST_UP === 'no') return context.diagnostic('It is left out, as was asked for: --up no.')
  const directory = await mkdtemp(join(tmpdir(), 'manor-up-shared-'))
  try {
    const blind = await hostsWithout(directory, given)
    if (blind.length > 0) return context.diagnostic(`It is left out: ${blind.join(', ')} cannot see this machine's files.`)
    const { principal, secret = '' } = given.credentials ?? {}
    const secretFile = join(directory, 'secret')
    await writeFile(secretFile, secret, { mode: 0o600 })
    const login = principal === undefined ? '' : `, login: { principal: '${principal}', secretFile: '${secretFile}' }`
    await work(`leaders: ['${given.url}'], user: ${userInfo().username}, rolePrefix: manor-tests${login}`, given)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Names of hosts from which a file of this directory cannot be read. */
const hostsWithout = async (directory: string, given: Cluster): Promise<string[]> => {
  const { signal } = new AbortController()
  const probe = join(directory, 'probe')
  await writeFile(probe, 'here')
  const engine = placing(await openEngine(given.url, OWNER, memoryState(), optionsFor(given)), 30_000)
  const blind: string[] = []
  try {
    for (const { id, state, attributes } of await engine.hosts(AbortSignal.timeout(30_000))) {
      if (state !== 'ready') continue
      const look = shellWorkload(`looks-${id}`, OWNER, `test "$(cat ${probe})" = here`)
      await engine.submit(look, id, signal)
      const ended = await waitFor(async () => (await engine.list(signal)).find(one => one.id === look.id && one.state === 'ended'), {
        what: `${id} was looked at`,
        withinMs: 60_000,
      })
      if (ended.exitCode !== 0) blind.push(attributes.hostname ?? id)
    }
  } finally {
    await engine.inner.teardown(AbortSignal.timeout(30_000))
    await engine.inner.close()
  }
  return blind
}
