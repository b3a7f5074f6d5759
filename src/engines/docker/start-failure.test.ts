import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineError } from '../engine.ts'
import { DaemonSilent, DockerError } from './client/errors.ts'
import { isNetworkGone, isPortTaken, pullFailure, startFailure } from './start-failure.ts'

/** As real daemons said them. */
const ALLOCATED =
  'driver failed programming external connectivity on endpoint x (0f): Bind for 127.0.0.1:8080 failed: port is already allocated'
const IN_USE =
  'driver failed programming external connectivity on endpoint x (0f): Error starting userland proxy: listen tcp4 0.0.0.0:20123: bind: address already in use'

const rows: readonly (readonly [status: number, said: string, code: string, retryable: boolean])[] = [
  [500, ALLOCATED, 'quota', true],
  [500, IN_USE, 'quota', true],
  [404, 'No such image: nowhere:1', 'image-pull', true],
  [
    500,
    'OCI runtime create failed: container_linux.go:380: exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown',
    'invalid-spec',
    false,
  ],
  [500, 'error gathering device information while adding custom device "/dev/x": no such file or directory', 'invalid-spec', false],
  [400, 'invalid mount config for type "bind": bind source path does not exist: /nowhere', 'invalid-spec', false],
  [400, 'Minimum memory limit allowed is 6MB', 'invalid-spec', false],
  [400, 'something new', 'invalid-spec', false],
  [500, 'mkdir /var/lib/docker/overlay2/x: no space left on device', 'disk-limit', true],
  [500, 'context deadline exceeded', 'launch-timeout', true],
]
for (const [status, said, code, retryable] of rows)
  test(`"${said.slice(0, 60)}" is ${code}`, () => {
    const failure = startFailure(new DockerError(status, said))
    assert.deepEqual({ code: failure.reason.code, retryable: failure.retryable }, { code, retryable })
    assert.ok(failure.message.includes(said))
    assert.ok(failure.reason.mend)
  })

test('silence may be asked again, and an EngineError is what it was', () => {
  const silent = startFailure(new DaemonSilent('no answer'))
  assert.deepEqual({ code: silent.reason.code, retryable: silent.retryable }, { code: 'node-lost', retryable: true })
  const own = new EngineError({ code: 'quota', message: 'x' }, false)
  assert.equal(startFailure(own), own)
})

test('a port that is taken and a network that is gone are told from the rest', () => {
  for (const said of [ALLOCATED, IN_USE]) assert.ok(isPortTaken(new DockerError(500, said)))
  assert.ok(!isPortTaken(new DockerError(500, 'no such image')))
  assert.ok(isNetworkGone(new DockerError(404, 'network manor.x.team-a not found')))
  assert.ok(!isNetworkGone(new DockerError(404, 'No such container: x')))
})

const pulls: readonly (readonly [said: string, retryable: boolean])[] = [
  ['manifest for x:1 not found: manifest unknown: manifest unknown', false],
  ['pull access denied for x, repository does not exist or may require docker login', false],
  ['Get "https://registry.example.com/v2/": dial tcp: i/o timeout', true],
  ['toomanyrequests: You have reached your pull rate limit', true],
]
for (const [said, retryable] of pulls)
  test(`a pull that fails by "${said.slice(0, 40)}" ${retryable ? 'may' : 'cannot'} succeed later`, () => {
    const failure = pullFailure('x:1', new DockerError(200, said))
    assert.equal(failure.reason.code, 'image-pull')
    assert.equal(failure.retryable, retryable)
  })
