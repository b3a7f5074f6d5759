import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { MINUTE } from '../../../model/index.ts'
import { systemClock } from '../../../runtime/index.ts'
import { parseSha256, withFileLock } from './files.ts'

const { signal } = new AbortController()
let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'manor-files-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

test('those who want the same lock work one after the other, and it is gone afterwards', async () => {
  const lock = join(directory, 'deep', 'a.lock')
  let inside = 0
  let most = 0
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside)
    await readdir(directory)
    inside--
  }
  await Promise.all(Array.from({ length: 4 }, () => withFileLock(lock, systemClock, signal, work)))
  assert.equal(most, 1)
  assert.deepEqual(await readdir(join(directory, 'deep')), [])
})

test('the lock of a process that died is taken over', async () => {
  const lock = join(directory, 'a.lock')
  await writeFile(lock, '')
  const longAgo = (systemClock.now() - MINUTE) / 1_000
  await utimes(lock, longAgo, longAgo)
  assert.equal(await withFileLock(lock, systemClock, signal, async () => 'worked'), 'worked')
})

test('a lock that is held is waited for until the caller has enough, and stays the holder’s', async () => {
  const lock = join(directory, 'a.lock')
  await writeFile(lock, '')
  const abort = new AbortController()
  const waiting = assert.rejects(
    withFileLock(lock, systemClock, abort.signal, async () => assert.fail('it is held')),
    /enough/,
  )
  abort.abort(new Error('enough'))
  await waiting
  assert.deepEqual(await readdir(directory), ['a.lock'])
})

test('a failure gives the lock back', async () => {
  const lock = join(directory, 'a.lock')
  await assert.rejects(
    withFileLock(lock, systemClock, signal, () => Promise.reject(new Error('broken'))),
    /broken/,
  )
  assert.deepEqual(await readdir(directory), [])
})

test('a checksum file is read in the forms that sites write', () => {
  const hash = 'AB'.repeat(32)
  for (const text of [hash, `${hash}  jenkins.war\n`, `${hash} *jenkins.war`]) assert.equal(parseSha256(text), hash.toLowerCase())
  for (const text of ['', '<html>', hash.slice(1), `${hash}0`]) assert.equal(parseSha256(text), undefined)
})
