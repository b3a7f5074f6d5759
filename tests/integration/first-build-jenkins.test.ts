/** The whole product on the double of Jenkins: what a machine that can have the real one does, over its own Java home and war. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { layoutOf, recordFiles } from '../../src/engines/process/layout.ts'
import { readRecord } from '../../src/engines/process/record.ts'
import { workloadId } from '../../src/model/index.ts'
import { installDouble } from '../doubles/jenkins/install.ts'
import { VERSION } from '../doubles/jenkins/pages.ts'
import { ManorHome, processesOf, runManor } from '../support/manor-process.ts'
import { fullCapabilities } from '../support/process-engine.ts'

/** Some 6 s here, most of them the sample build's own waits. */
const WITHIN_MS = 60_000

/** Those control groups of a home's workloads, and the group above them, that are there. */
const groupsOf = async (home: string): Promise<readonly string[]> => {
  const layout = layoutOf(join(home, 'engine'))
  const records = (await readdir(layout.workloads)).map(id => readRecord(recordFiles(layout, workloadId(id))))
  assert.ok(records.length > 0, 'what has ended is kept for a while')
  return records.flatMap(record => record?.groups ?? []).flatMap(group => [group, dirname(group)].filter(existsSync))
}

test('manor up --once with a Jenkins war: a sample build ends with SUCCESS, and nothing is left', async () => {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'manor-double-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const { javaHome, war } = installDouble(directory)
  // All in one place, as whoever tries it out does: the home beside the war and below /tmp, of which workloads have a private one.
  const home = stack.use(await ManorHome.make(directory))
  const started = performance.now()
  const words = ['up', '--once', '--war', war, '--home', home.directory, '--port', '0']
  const { code, stdout, stderr } = await runManor(words, { JAVA_HOME: javaHome })
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, new RegExp(`controllers run: Jenkins ${VERSION.replaceAll('.', '\\.')} `), 'it says what it took')
  assert.match(stdout, /sample build: SUCCESS/)
  assert.ok(performance.now() - started < WITHIN_MS)

  assert.deepEqual(processesOf(directory), [])
  assert.deepEqual(await readdir(join(home.directory, 'agents')), [], 'no work directory is left')
  assert.deepEqual(await groupsOf(home.directory), [], 'no control group is left')
  if (process.getuid?.() !== 0 || fullCapabilities().accountIsolation !== true) return
  const [cache = ''] = await readdir(join(home.directory, 'jar-cache'))
  const owners = await Promise.all(
    [join('controllers', 'hello', 'home'), join('jar-cache', cache)].map(async path => (await stat(join(home.directory, path))).uid),
  )
  assert.ok(!owners.includes(0), "neither is Manor's own user")
  assert.equal(new Set(owners).size, 2, 'a build runs as another user than its controller')
})
