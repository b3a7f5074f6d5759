import assert from 'node:assert/strict'
import { lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { controllerId } from '../model/index.ts'
import { VirtualClock } from '../runtime/index.ts'
import { createDirectoryHomes, type DirectoryHomesOptions } from './directory.ts'

const { signal } = new AbortController()
const TEAM_A = controllerId('team-a')
const ONCE = [{ path: 'secrets/key', content: 'first', mode: 0o600 }]
const ALWAYS = [{ path: 'init.groovy', content: 'the hook', mode: 0o644 }]

const inDirectory = async (work: (directory: string) => Promise<void>): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-homes-'))
  try {
    await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const homesIn = (directory: string, ownerOf: DirectoryHomesOptions['ownerOf'] = () => undefined) =>
  createDirectoryHomes({ directory, ownerOf, clock: new VirtualClock() })

test('a home is made once: what is to be there once is kept, what is to be there always is put back', () =>
  inDirectory(async directory => {
    const homes = homesIn(directory)
    const home = await homes.prepare(TEAM_A, ONCE, ALWAYS, signal)
    assert.equal(home, join(directory, 'controllers', 'team-a', 'home'))
    assert.equal((await stat(home)).mode & 0o777, 0o750)
    for (const { path } of [...ONCE, ...ALWAYS]) await writeFile(join(home, path), 'changed')
    assert.equal(await homes.prepare(TEAM_A, ONCE, ALWAYS, signal), home)
    assert.equal(await readFile(join(home, 'secrets/key'), 'utf8'), 'changed')
    assert.equal(await readFile(join(home, 'init.groovy'), 'utf8'), 'the hook')
  }))

test('a link that a controller put in place of a file leads no write elsewhere', () =>
  inDirectory(async directory => {
    const homes = homesIn(directory)
    const home = await homes.prepare(TEAM_A, [], [], signal)
    const elsewhere = join(directory, 'elsewhere')
    await writeFile(elsewhere, 'of another')
    await symlink(elsewhere, join(home, 'init.groovy'))
    await homes.prepare(TEAM_A, [], ALWAYS, signal)
    assert.equal(await readFile(elsewhere, 'utf8'), 'of another')
    assert.ok((await lstat(join(home, 'init.groovy'))).isFile())
  }))

test(
  'a home belongs to its controller alone, also one that a crash left before it was given away',
  {
    skip: process.getuid?.() === 0 ? false : 'only root may give files away',
  },
  () =>
    inDirectory(async directory => {
      const homes = homesIn(directory, id => (id === 'team-a' ? { uid: 61_001, gid: 61_001 } : { uid: 61_002, gid: 61_002 }))
      const left = join(directory, 'controllers', 'team-b', 'home')
      await mkdir(left, { recursive: true })
      const [a, b] = [await homes.prepare(TEAM_A, ONCE, [], signal), await homes.prepare(controllerId('team-b'), [], [], signal)]
      assert.equal(b, left)
      const owned = [a, join(a, 'secrets'), join(a, 'secrets/key'), b]
      assert.deepEqual(await Promise.all(owned.map(async path => (await stat(path)).uid)), [61_001, 61_001, 61_001, 61_002])
      // Whoever owned the directory that holds it could put another home in its place.
      assert.equal((await stat(dirname(a))).uid, 0)
    }),
)

test('a retired home is out of use, and of one that is gone there is nothing to retire', () =>
  inDirectory(async directory => {
    const homes = homesIn(directory)
    const home = await homes.prepare(TEAM_A, ONCE, [], signal)
    for (let i = 0; i < 2; i++) await homes.retire(TEAM_A, 7, signal)
    await assert.rejects(stat(home), { code: 'ENOENT' })
    assert.ok((await stat(join(directory, 'retired', 'team-a.7', 'home', 'secrets', 'key'))).isFile())
    assert.equal((await stat(join(directory, 'retired'))).mode & 0o777, 0o700)
  }))
