import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineError } from '../../engine.ts'
import { compareVersions, NEWEST_API, negotiate, OLDEST_API } from './api-version.ts'

const spoken: readonly (readonly [daemon: string, spoken: string])[] = [
  [OLDEST_API, '1.40'],
  ['1.41', '1.41'],
  [NEWEST_API, NEWEST_API],
  ['1.56', NEWEST_API],
  ['2.0', NEWEST_API],
]
for (const [daemon, version] of spoken)
  test(`with a daemon of ${daemon}, ${version} is spoken`, () => {
    assert.equal(negotiate(daemon, 'unix:///x'), version)
  })

for (const daemon of ['1.39', '1.12', '0.9', '', 'new'])
  test(`a daemon of "${daemon}" is refused with what would mend it`, () => {
    assert.throws(
      () => negotiate(daemon, 'tcp://worker-1:2376'),
      cause => cause instanceof EngineError && !cause.retryable && /worker-1/.test(cause.message) && /19\.03/.test(cause.reason.mend ?? ''),
    )
  })

test('versions are compared as numbers', () => {
  assert.ok(compareVersions('1.9', '1.40') < 0)
  assert.equal(compareVersions('1.40', '1.40'), 0)
})
