/**
 * `manor up` on a real Mesos: controller and agents as tasks of one framework, and the controller through a Marathon (a double: none can be
 * installed) with its agents on the real Mesos. The sample build runs, and nothing of it is left.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/runtime/index.ts'
import { createMarathonDouble } from '../doubles/marathon/marathon.ts'
import { startMesos } from '../support/mesos.ts'

const ROOT = join(import.meta.dirname, '../..')
const WITHIN_MS = 5 * 60_000
const RESOURCES = 'cpus:4;mem:6000;disk:20000;ports:[31000-31099]'

const manorUp = async (config: string): Promise<void> => {
  const home = await mkdtemp(join(tmpdir(), 'manor-mesos-up-'))
  try {
    const file = join(home, 'manor.yaml')
    await writeFile(file, config)
    const { code, text } = await run('up', '--once', '--home', home, '--port', '0')
    assert.equal(code, 0, text)
    assert.match(text, /sample build: SUCCESS/)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

const run = (...words: readonly string[]): Promise<{ readonly code: number | null; readonly text: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(join(ROOT, 'manor'), words, { stdio: ['ignore', 'pipe', 'pipe'], timeout: WITHIN_MS })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += chunk))
    child.on('error', reject)
    child.on('exit', code => resolve({ code, text }))
  })

test('the sample build runs on a real Mesos, its controller too', async () => {
  await using mesos = await startMesos({ agents: 1, resources: RESOURCES })
  await mesos.registered(1)
  await manorUp(`engine: { kind: mesos, leaders: ['${mesos.url}'], user: root }\nworkloads: { listen: { host: 127.0.0.1, port: 0 } }\n`)
})

test('the sample build runs with its controller on a Marathon and its agent on the real Mesos', async () => {
  await using mesos = await startMesos({ agents: 1, resources: RESOURCES })
  await mesos.registered(1)
  const directory = await mkdtemp(join(tmpdir(), 'manor-marathon-double-'))
  try {
    await using marathon = await createMarathonDouble({ clock: systemClock, directory })
    const urls = marathon.urls.map(url => `'${url}'`).join(', ')
    await manorUp(
      `engine: { kind: marathon, urls: [${urls}], leaders: ['${mesos.url}'], user: root }\nworkloads: { listen: { host: 127.0.0.1, port: 0 } }\n`,
    )
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
