import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageKey } from './image.ts'

const DIGEST = `sha256:${'0'.repeat(64)}`
const SAME: readonly (readonly [key: string, ...written: string[]])[] = [
  ['docker.io/library/maven:latest', 'maven', 'maven:latest', 'library/maven', 'docker.io/maven', 'docker.io/library/maven:latest'],
  ['docker.io/team/image:1', 'team/image:1', 'docker.io/team/image:1'],
  ['registry.example:5000/a/b:2', 'registry.example:5000/a/b:2'],
  ['localhost/a:latest', 'localhost/a'],
  [`docker.io/library/maven@${DIGEST}`, `maven@${DIGEST}`, `maven:3@${DIGEST}`],
  ['no image at all', 'no image at all'],
]
for (const [key, ...written] of SAME)
  test(`${written.join(', ')}: one image`, () => {
    for (const text of written) assert.equal(imageKey(text), key)
    assert.equal(imageKey(key), key)
  })

test('other tags and other registries are other images', () => {
  const keys = ['maven', 'maven:3', 'team/maven', 'quay.io/maven', 'localhost:5000/maven', `maven@${DIGEST}`].map(imageKey)
  assert.equal(new Set(keys).size, keys.length)
})
