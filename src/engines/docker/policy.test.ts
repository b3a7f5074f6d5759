import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineError } from '../engine.ts'
import { checkMounts } from './policy.ts'

const mount = (source: string, target = '/data') => ({ source, target, readOnly: true })
const CLOSED = ['/srv/docker', '/opt/run/docker.socket']

const refused: readonly (readonly [what: string, source: string, target?: string, realPath?: string])[] = [
  ["the daemon's socket", '/var/run/docker.sock'],
  ['its other name', '/run/docker.sock'],
  ['a socket of that name elsewhere', '/home/ci/docker.sock'],
  ["another engine's socket", '/home/ci/containerd.sock'],
  ['the directory that holds the socket', '/var/run'],
  ['a way around to it', '/srv/../var/run/docker.sock'],
  ['a link that leads to it', '/srv/innocent', '/data', '/run/docker.sock'],
  ['everything', '/'],
  ['what is above it', '/var'],
  ["the kernel's files", '/proc/1'],
  ['devices', '/dev/kvm'],
  ["the daemon's data", '/srv/docker/volumes'],
  ["the daemon's own socket", '/opt/run/docker.socket'],
  ['a relative source', 'home'],
  ['a relative target', '/srv/home', 'home'],
  ['the root of the container', '/srv/home', '/'],
  ["the engine's own place", '/srv/home', '/manor/x'],
  ["the runtime's own place", '/srv/home', '/proc/self'],
]
for (const [what, source, target, realPath] of refused)
  test(`${what} never comes into a container`, () => {
    assert.throws(
      () => checkMounts({ mounts: [mount(source, target)] }, realPath === undefined ? [] : [realPath], CLOSED),
      cause => cause instanceof EngineError && cause.reason.code === 'invalid-spec' && !cause.retryable,
    )
  })

test('homes, caches and programs may be mounted', () => {
  const mounts = ['/srv/manor/homes/team-a', '/var/lib/manor/cache', '/usr/lib/jvm/java-17', '/home/ci', '/runner'].map(path =>
    mount(path, path),
  )
  checkMounts({ mounts }, [], CLOSED)
})
