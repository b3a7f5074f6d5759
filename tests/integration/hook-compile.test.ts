/** One script for two families: it has to compile against both, with the Groovy of Jenkins. Hudson compiles it itself, in hook-hudson. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { MAX_EVENT_BATCH, MAX_REPORT_ITEMS, MAX_WANTED_WAIT_SECONDS } from '../../src/agents/protocol.ts'
import { compileHook, compileStubs, HOOK_SCRIPT } from '../support/hook-jenkins.ts'
import { hudsonProgram } from '../support/hudson.ts'

const directory = await mkdtemp(join(tmpdir(), 'manor-hook-compile-'))
after(() => rm(directory, { recursive: true, force: true }))

test('it compiles against Jenkins’ classes', async () => {
  await compileHook(await compileStubs(directory), join(directory, 'jenkins'))
  assert.ok(globSync(join(directory, 'jenkins/ManorHook.class')).length === 1)
})

test('it compiles against the real Hudson’s classes', async () => {
  const { program } = await hudsonProgram()
  const { status, stderr } = spawnSync('jar', ['xf', program.war, 'WEB-INF/lib', 'winstone.jar'], { cwd: directory, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  // Hudson's own Groovy would be found from the manifests of the others, and be taken for the compiler's.
  for (const groovy of globSync(join(directory, 'WEB-INF/lib/groovy-all-*.jar'))) await rm(groovy)
  const jars = globSync([join(directory, 'WEB-INF/lib/*.jar'), join(directory, 'winstone.jar')])
  await compileHook(jars.join(':'), join(directory, 'hudson'))
  assert.ok(globSync(join(directory, 'hudson/ManorHook.class')).length === 1)
})

test('its bounds are within the protocol’s', () => {
  const script = readFileSync(HOOK_SCRIPT, 'utf8')
  const bound = (name: string): number => Number(new RegExp(`static final int ${name} = (\\d+)`).exec(script)?.[1])
  assert.equal(bound('REPORT_ITEMS'), MAX_REPORT_ITEMS)
  assert.equal(bound('REPORT_NODES'), MAX_REPORT_ITEMS)
  assert.equal(bound('EVENT_BATCH'), MAX_EVENT_BATCH)
  assert.ok(bound('POLL_SECONDS') <= MAX_WANTED_WAIT_SECONDS)
})
