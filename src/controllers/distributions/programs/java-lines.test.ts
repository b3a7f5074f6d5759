import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  compareVersions,
  isLongTerm,
  javaReleasesFor,
  knownVersions,
  NEWEST_VERSION,
  OLDEST_VERSION,
  resolveVersion,
} from './java-lines.ts'

const table: readonly (readonly [version: string, java: readonly number[]])[] = [
  ['2.361.1', [11, 17]],
  ['2.426.1', [11, 17, 21]],
  ['2.462.3', [11, 17, 21]],
  ['2.479.1', [17, 21]],
  ['2.528.3', [17, 21]],
  ['2.541', [17, 21, 25]],
  ['2.541.3', [17, 21, 25]],
  ['2.555.1', [21, 25]],
  ['2.568.2', [21, 25]],
  ['2.578', [21, 25]],
  ['2.346.3', []],
]
for (const [version, java] of table)
  test(`Jenkins ${version} runs on ${java.length === 0 ? 'no Java that we know of' : `Java ${java.join(', ')}`}`, () =>
    assert.deepEqual(javaReleasesFor(version), java))

test('the newest line that the machine’s Java can run', () => {
  const newest = (...java: number[]): string | undefined => knownVersions(java)[0]
  assert.equal(newest(17), '2.541.3')
  assert.equal(newest(21), '2.568.2')
  assert.equal(newest(11, 17, 25), '2.568.2')
  assert.equal(newest(11), undefined)
  assert.equal(newest(), undefined)
  assert.equal(NEWEST_VERSION, '2.568.2')
})

test('versions are ordered by their numbers', () => {
  const version = fc.array(fc.nat(999), { minLength: 1, maxLength: 3 }).map(numbers => numbers.join('.'))
  fc.assert(fc.property(version, version, (a, b) => Math.sign(compareVersions(a, b)) === -Math.sign(compareVersions(b, a))))
  assert.ok(compareVersions('2.541.3', '2.541.10') < 0)
  assert.equal(compareVersions('2.541', '2.541.0'), 0)
  assert.ok(compareVersions(OLDEST_VERSION, NEWEST_VERSION) < 0)
})

test('a line stands for its newest version, anything else for itself', () => {
  assert.equal(resolveVersion('2.541'), '2.541.3')
  assert.equal(resolveVersion('2.541.1'), '2.541.1')
  assert.equal(resolveVersion('2.578'), '2.578')
  assert.equal(resolveVersion('lts'), undefined)
  assert.equal(resolveVersion('../2.541.3'), undefined)
  assert.deepEqual([isLongTerm('2.541.3'), isLongTerm('2.578')], [true, false])
})
