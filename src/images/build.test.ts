import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { packTar, unpackTar } from 'modern-tar'
import type { Program } from '../controllers/index.ts'
import { buildImage, type ImageRequest } from './build.ts'
import { ImageError } from './errors.ts'

const never = new AbortController().signal
const quiet = (): void => undefined

type World = AsyncDisposable & { readonly directory: string; request(change?: Partial<ImageRequest>): ImageRequest }

/** A Java, a war, a jar and a base, all of them small and none of them real: what is tested is what becomes of them. */
const makeWorld = async (): Promise<World> => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-images-'))
  const java = join(directory, 'jvm')
  await mkdir(join(java, 'bin'), { recursive: true })
  await mkdir(join(java, 'jmods'))
  await mkdir(join(directory, 'etc'))
  await writeFile(join(java, 'bin/java'), '#!/bin/sh\n')
  await chmod(join(java, 'bin/java'), 0o755)
  await writeFile(join(java, 'jmods/java.base.jmod'), 'only for who compiles')
  await writeFile(join(java, 'release'), 'JAVA_VERSION="17.0.15"\n')
  await writeFile(join(directory, 'etc/security'), 'policy')
  // As Debian has it: the configuration is elsewhere, with a link to it.
  await symlink(join(directory, 'etc/security'), join(java, 'security'))
  await writeFile(join(directory, 'program.war'), 'war')
  await writeFile(join(directory, 'agent.jar'), 'jar')
  await writeFile(
    join(directory, 'base.tar'),
    await packTar([{ header: { name: 'bin/sh', size: 2, type: 'file', mode: 0o755 }, body: 'sh' }]),
  )
  const program: Program = {
    distribution: 'jenkins',
    version: '2.541.3',
    war: join(directory, 'program.war'),
    sha256: createHash('sha256').update('war').digest('hex'),
    java: join(java, 'bin/java'),
    javaRelease: 17,
    extras: {},
  }
  return {
    directory,
    request: (change = {}) => ({
      kind: 'controller',
      base: { kind: 'tar', file: join(directory, 'base.tar') },
      program,
      agentJar: join(directory, 'agent.jar'),
      hookScript: '// hook',
      directory: join(directory, 'images'),
      ...change,
    }),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  }
}

const filesIn = async (tar: Uint8Array): Promise<Map<string, { mode: number; owner: number; text: string }>> =>
  new Map(
    (await unpackTar(tar)).map(({ header, data }) => [
      header.name,
      { mode: header.mode ?? 0, owner: header.uid ?? 0, text: new TextDecoder().decode(data ?? new Uint8Array()) },
    ]),
  )

/** The archive's own words, and all files of its layers together. */
const open = async (file: string) => {
  const archive = await unpackTar(await readFile(file))
  const part = (name: string): Uint8Array => {
    const found = archive.find(({ header }) => header.name === name)?.data
    assert.ok(found, `${name} is in the archive`)
    return found
  }
  const [manifest] = JSON.parse(new TextDecoder().decode(part('manifest.json')))
  const config = JSON.parse(new TextDecoder().decode(part(manifest.Config)))
  const files = new Map<string, { mode: number; owner: number; text: string }>()
  for (const [index, layer] of manifest.Layers.entries()) {
    const bytes = part(layer)
    assert.equal(config.rootfs.diff_ids[index], `sha256:${createHash('sha256').update(bytes).digest('hex')}`)
    for (const [name, found] of await filesIn(bytes)) files.set(name, found)
  }
  return { manifest, config, files }
}

test('an image holds its base, a Java without what only compilers need, the program, the hook and a user of its own', async () => {
  await using world = await makeWorld()
  const image = await buildImage(world.request(), quiet, never)
  const { manifest, config, files } = await open(image.file)
  assert.deepEqual(manifest.RepoTags, ['manor/jenkins-controller:2.541.3'])
  assert.equal(image.imageId, `sha256:${manifest.Config.replace('.json', '')}`)
  assert.equal(config.config.User, '1000:1000')
  assert.equal(files.get('bin/sh')?.text, 'sh')
  assert.equal(files.get('opt/manor/java/bin/java')?.mode, 0o755)
  assert.equal(files.get('opt/manor/java/security')?.text, 'policy')
  assert.ok(![...files.keys()].some(name => name.includes('jmods')))
  assert.equal(files.get('opt/manor/program/program.war')?.text, 'war')
  assert.equal(files.get('opt/manor/hook/init.groovy')?.text, '// hook')
  assert.equal(files.get('home/manor/')?.owner, 1_000)
  assert.equal(files.get('tmp/')?.mode, 0o1777)
})

test('the agent’s image has neither the war nor the hook', async () => {
  await using world = await makeWorld()
  const { files } = await open((await buildImage(world.request({ kind: 'agent' }), quiet, never)).file)
  assert.ok(files.has('opt/manor/program/agent.jar'))
  assert.ok(!files.has('opt/manor/program/program.war'))
  assert.ok(!files.has('opt/manor/hook/init.groovy'))
})

test('the same inputs give the same bytes, whenever and in whatever order they were written', async () => {
  await using first = await makeWorld()
  await using second = await makeWorld()
  for (const name of ['jvm/bin/java', 'program.war']) await utimes(join(second.directory, name), 1, 1)
  const [one, other] = [await buildImage(first.request(), quiet, never), await buildImage(second.request(), quiet, never)]
  assert.equal(one.sha256, other.sha256)
  assert.equal(await readFile(one.sbom, 'utf8'), await readFile(other.sbom, 'utf8'))
  await writeFile(join(second.directory, 'agent.jar'), 'another')
  assert.notEqual((await buildImage(second.request(), quiet, never)).sha256, one.sha256)
})

test('a gzipped base is the same as a plain one', async () => {
  await using world = await makeWorld()
  const plain = await buildImage(world.request(), quiet, never)
  const file = join(world.directory, 'base.tar.gz')
  await writeFile(file, gzipSync(await readFile(join(world.directory, 'base.tar'))))
  const { config } = await open((await buildImage(world.request({ base: { kind: 'tar', file } }), quiet, never)).file)
  assert.equal(config.rootfs.diff_ids[0], (await open(plain.file)).config.rootfs.diff_ids[0])
})

test('bill and checksum name what is in the archive', async () => {
  await using world = await makeWorld()
  await mkdir(join(world.directory, 'plugins'))
  await writeFile(join(world.directory, 'plugins/git.hpi'), 'git')
  const image = await buildImage(world.request({ plugins: join(world.directory, 'plugins') }), quiet, never)
  assert.equal((await open(image.file)).files.get('opt/manor/plugins/git.hpi')?.text, 'git')
  const bytes = await readFile(image.file)
  assert.equal(
    await readFile(image.checksum, 'utf8'),
    `${createHash('sha256').update(bytes).digest('hex')}  manor-jenkins-controller-2.541.3.tar\n`,
  )
  const bill = JSON.parse(await readFile(image.sbom, 'utf8'))
  assert.equal(bill.metadata.component.version, image.imageId)
  const found = new Map(
    bill.components.map(({ name, hashes }: { name: string; hashes?: { content: string }[] }) => [name, hashes?.[0]?.content]),
  )
  for (const [name, content] of [
    ['jenkins', 'war'],
    ['agent.jar', 'jar'],
    ['git.hpi', 'git'],
    ['manor.groovy', '// hook'],
  ] as const)
    assert.equal(found.get(name), createHash('sha256').update(content).digest('hex'), name)
})

const refused: readonly (readonly [what: string, change: (directory: string) => Partial<ImageRequest>, says: RegExp])[] = [
  [
    'a base that is not there',
    directory => ({ base: { kind: 'tar', file: join(directory, 'none.tar') } }),
    /There is no file .*none\.tar: give a root file system/,
  ],
  ['plugins that are not there', directory => ({ plugins: join(directory, 'none') }), /There is no directory .*none: give one/],
  ['a directory without plugins', directory => ({ plugins: join(directory, 'jvm') }), /holds no plugin/],
]
for (const [what, change, says] of refused)
  test(`${what} is refused, and nothing is left behind`, async () => {
    await using world = await makeWorld()
    await assert.rejects(
      buildImage(world.request(change(world.directory)), quiet, never),
      cause => cause instanceof ImageError && says.test(cause.message),
    )
    assert.deepEqual(await readdir(join(world.directory, 'images')), [])
  })
