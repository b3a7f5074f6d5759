import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseImage } from '../../../model/index.ts'
import { pullQuery, registryAuthHeader } from './image-reference.ts'

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`

const rows: readonly (readonly [text: string, registry: string | undefined, fromImage?: string, tag?: string])[] = [
  ['busybox', 'docker.io', 'busybox', 'latest'],
  ['jenkins/inbound-agent:3327-jdk21', 'docker.io', 'jenkins/inbound-agent', '3327-jdk21'],
  ['registry.example.com/ci/agent', 'registry.example.com', 'registry.example.com/ci/agent', 'latest'],
  ['localhost:5000/agent:1', 'localhost:5000', 'localhost:5000/agent', '1'],
  ['127.0.0.1:5000/agent', '127.0.0.1:5000', '127.0.0.1:5000/agent', 'latest'],
  ['localhost/agent', 'localhost', 'localhost/agent', 'latest'],
  [`agent@${DIGEST}`, 'docker.io', 'agent', DIGEST],
  [`host:5000/agent:1@${DIGEST}`, 'host:5000', 'host:5000/agent', DIGEST],
  ['', undefined],
  ['-v', undefined],
  ['a b', undefined],
  ['a/', undefined],
  ['a//b', undefined],
  ['a:b:c', undefined],
]
for (const [text, registry, fromImage, tag] of rows)
  test(`the image "${text}" ${registry === undefined ? 'is none' : `comes from ${registry}`}`, () => {
    const image = parseImage(text)
    assert.equal(image?.registry, registry)
    if (image) assert.deepEqual(pullQuery(image), { fromImage, tag })
  })

test('a login is told as the API wants it, and for the default registry under its old name', () => {
  const decode = (header: string): unknown => JSON.parse(Buffer.from(header, 'base64url').toString('utf8'))
  const login = { username: 'ci', password: 'p>?ä' }
  for (const password of ['p>?ä', 'p>?', '>>>???', '~~~'])
    assert.match(registryAuthHeader('host:5000', { ...login, password }), /^([\w-]{4})*([\w-]{3}=|[\w-]{2}==)?$/)
  assert.deepEqual(decode(registryAuthHeader('host:5000', login)), { ...login, serveraddress: 'host:5000' })
  assert.deepEqual(decode(registryAuthHeader('docker.io', login)), { ...login, serveraddress: 'https://index.docker.io/v1/' })
})
