import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineError } from '../../engine.ts'
import { type DaemonAddress, parseAddress } from './address.ts'

const good: readonly (readonly [text: string, withTls: boolean, address: DaemonAddress])[] = [
  ['unix:///var/run/docker.sock', false, { kind: 'unix', path: '/var/run/docker.sock' }],
  ['tcp://worker-1', false, { kind: 'tcp', host: 'worker-1', port: 2375, tls: false }],
  ['tcp://worker-1', true, { kind: 'tcp', host: 'worker-1', port: 2376, tls: true }],
  ['tcp://10.0.0.7:9999/', true, { kind: 'tcp', host: '10.0.0.7', port: 9999, tls: true }],
  ['tcp://[::1]:2375', false, { kind: 'tcp', host: '::1', port: 2375, tls: false }],
  ['https://worker-1:2376', false, { kind: 'tcp', host: 'worker-1', port: 2376, tls: true }],
  ['ssh://manor@worker-1', false, { kind: 'ssh', destination: 'manor@worker-1' }],
  ['ssh://worker-1:2222', false, { kind: 'ssh', destination: 'worker-1', port: 2222 }],
]
for (const [text, withTls, address] of good)
  test(`${text} ${withTls ? 'with' : 'without'} certificates is ${address.kind}`, () => {
    assert.deepEqual(parseAddress(text, withTls), address)
  })

const bad = [
  '',
  'docker.sock',
  'unix://docker.sock',
  'ftp://host',
  'tcp://host/path',
  'ssh://user:secret@host',
  'ssh://-oProxyCommand=x@host',
]
for (const text of bad)
  test(`"${text}" is refused with what would do`, () => {
    assert.throws(
      () => parseAddress(text, false),
      cause => cause instanceof EngineError && cause.reason.mend !== undefined && !cause.retryable,
    )
  })
