import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../runtime/index.ts'
import { createSeal, loadKey } from './seal.ts'

test('a sealed secret opens under its key and its id, and under no other', () => {
  const random = seededRandom(1)
  const seal = createSeal(random.bytes(32), random)
  const sealed = seal.seal('controller/a', 'hush')
  assert.equal(seal.open('controller/a', sealed), 'hush')
  assert.ok(!Buffer.from(sealed, 'base64').includes('hush'))
  assert.throws(() => seal.open('controller/b', sealed))
  assert.throws(() => createSeal(random.bytes(32), random).open('controller/a', sealed))
  const bytes = Buffer.from(sealed, 'base64')
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  assert.throws(() => seal.open('controller/a', bytes.toString('base64')))
})

test('the key file is made once, closed to others, and a damaged one is refused with the mend', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-key-'))
  try {
    const path = join(directory, 'manor.key')
    const first = await loadKey(path, seededRandom(1))
    assert.deepEqual(await loadKey(path, seededRandom(2)), first)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    await writeFile(path, 'short')
    await assert.rejects(loadKey(path, seededRandom(1)), /put back the copy/)
  } finally {
    await rm(directory, { recursive: true })
  }
})
