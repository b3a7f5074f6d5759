import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { EngineError } from '../engine.ts'
import { Identities } from './identities.ts'

let directory = ''
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'manor-identities-'))
})
after(() => rmSync(directory, { recursive: true }))

test('an account has one user for ever, and no two have the same', () => {
  const path = join(directory, 'a.json')
  const identities = new Identities(path)
  const a = identities.of('a')
  assert.deepEqual(a, { uid: 61_000, gid: 61_000 })
  assert.deepEqual(identities.of('b'), { uid: 61_001, gid: 61_001 })
  assert.deepEqual(identities.of('a'), a)
  const again = new Identities(path)
  assert.deepEqual(again.of('a'), a)
  assert.equal(again.of('c').uid, 61_002)
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('ranges follow each other, and when all are given that is said', () => {
  const identities = new Identities(join(directory, 'b.json'), [
    [10, 11],
    [20, 20],
  ])
  assert.deepEqual(
    ['a', 'b', 'c'].map(name => identities.of(name).uid),
    [10, 11, 20],
  )
  assert.throws(() => identities.of('d'), EngineError)
  assert.equal(identities.of('c').uid, 20)
})

test('names that are words of JavaScript are accounts like others', () => {
  const identities = new Identities(join(directory, 'c.json'))
  assert.equal(identities.of('constructor').uid, 61_000)
})
