/**
 * `manor up --engine docker` against a real daemon, in the daemon's own network namespace: images are made on this machine, the controller and
 * the sample build's agent are containers, and nothing of them is left.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Dockerd, startDockerd } from '../support/docker.ts'

const ROOT = join(import.meta.dirname, '../..')
const WITHIN_MS = 5 * 60_000

let dockerd: Dockerd
let home: string
before(async () => {
  dockerd = await startDockerd()
  home = await mkdtemp(join(tmpdir(), 'manor-docker-up-'))
})
after(async () => {
  await dockerd?.dispose()
  await rm(home, { recursive: true, force: true })
})

/** Runs the command line where the daemon's networks are. */
const manor = (...words: readonly string[]): Promise<{ readonly code: number | null; readonly text: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn('nsenter', ['--target', String(dockerd.holder), '--net', join(ROOT, 'manor'), ...words, '--home', home], {
      env: { ...process.env, DOCKER_HOST: `unix://${dockerd.socket}` },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: WITHIN_MS,
    })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += chunk))
    child.on('error', reject)
    child.on('exit', code => resolve({ code, text }))
  })

test('the sample build runs in a container of its own, beside its controller’s, and all is taken down', async () => {
  const { code, text } = await manor('up', '--once', '--engine', 'docker', '--port', '0')
  assert.equal(code, 0, text)
  assert.match(text, /Image manor\/(hudson|jenkins)-controller:\S+: Taking the base from this machine/)
  assert.match(text, /sample build: SUCCESS/)
  const labels = ['manor.owner']
  assert.deepEqual(
    (await dockerd.client.listContainers(labels, AbortSignal.timeout(10_000))).filter(({ State }) => State === 'running'),
    [],
  )
  assert.match(await readFile(join(home, 'manor.yaml'), 'utf8'), /^engine: docker$/m)
})

test('the second start finds its engine and its images by itself', async () => {
  const { code, text } = await manor('up', '--once', '--port', '0')
  assert.equal(code, 0, text)
  assert.doesNotMatch(text, /Taking the base/)
  assert.match(text, /sample build: SUCCESS/)
})

test('another engine for the same home is refused', async () => {
  const { code, text } = await manor('up', '--once', '--engine', 'process', '--port', '0')
  assert.equal(code, 2)
  assert.match(text, /runs on the engine docker, and --engine says process/)
})
