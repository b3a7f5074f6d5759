/** Two real daemons, of which one has an image: the scheduler is told and places there; and what templates will need is brought in advance. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createDockerEngine, type DockerEngine } from '../../src/engines/index.ts'
import { hostId, imageKey } from '../../src/model/index.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'
import { type Dockerd, importTestImage, insideOf, startDockerd, TEST_IMAGE } from '../support/docker.ts'
import { waitFor } from '../support/wait.ts'

const never = new AbortController().signal
const LOGIN = { username: 'ci', password: 'secret' }

let bare: Dockerd
let equipped: Dockerd

before(async () => {
  bare = await startDockerd()
  equipped = await startDockerd()
  await importTestImage(equipped)
})
after(async () => {
  await bare.dispose()
  await equipped.dispose()
})

const open = (options: Partial<Parameters<typeof createDockerEngine>[0]>): Promise<DockerEngine> =>
  createDockerEngine({
    owner: `test-${process.pid}`,
    daemons: [
      { host: hostId('bare'), address: `unix://${bare.socket}` },
      { host: hostId('equipped'), address: `unix://${equipped.socket}` },
    ],
    clock: systemClock,
    random: systemRandom,
    onWarning: () => undefined,
    ...options,
  })

const imagesOf = async (engine: DockerEngine): Promise<Readonly<Record<string, readonly string[] | undefined>>> =>
  Object.fromEntries((await engine.hosts(never)).map(({ id, images }) => [id, images]))

test('each host tells which images it has, by the key that a template asks for', async () => {
  await using engine = await open({})
  assert.deepEqual(await imagesOf(engine), { bare: [], equipped: [imageKey(TEST_IMAGE)] })
})

test('what will be wanted is on every host that lacks it before anything is started, and what cannot be had keeps nothing else back', async () => {
  const registry = insideOf(bare, [
    process.execPath,
    join(import.meta.dirname, '../support/registry.ts'),
    join(equipped.directory, 'rootfs.tar'),
    LOGIN.username,
    LOGIN.password,
  ])
  try {
    const port = await new Promise<string>(resolve => registry.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())))
    const image = `127.0.0.1:${port}/ci/agent:1`
    const warnings: string[] = []
    // The other daemon has a network of its own, in which nobody listens there: it says so, and has nothing else to bring.
    const imagesWanted = () => [`127.0.0.1:${port}/ci/agent:none`, image]
    await using engine = await open({
      registries: { [`127.0.0.1:${port}`]: LOGIN },
      imagesWanted,
      onWarning: sentence => warnings.push(sentence),
    })
    await engine.list(never)
    await waitFor(async () => bare.client.hasImage(image, never), {
      what: 'the image was brought',
      seen: () => warnings,
      withinMs: 60_000,
    })
    const told = await waitFor(async () => (await imagesOf(engine)).bare?.includes(imageKey(image)), { what: 'its host tells of it' })
    assert.equal(told, true)
    assert.ok(
      warnings.some(sentence => /Docker on bare: The image .*agent:none could not be brought in advance/.test(sentence)),
      warnings.join('\n'),
    )
    assert.deepEqual(await engine.list(never), [])
  } finally {
    registry.kill()
  }
})
