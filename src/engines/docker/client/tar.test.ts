import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { tarOf } from './tar.ts'

const list = (archive: Buffer): string =>
  execFileSync('tar', ['--numeric-owner', '--full-time', '-tvf', '-'], {
    input: archive,
    env: { TZ: 'UTC', LC_ALL: 'C.UTF-8', PATH: process.env.PATH },
  }).toString()

test("the system's tar reads names, modes, owners and times as they were given", () => {
  const long = `${'deep/'.repeat(30)}ünïcode`
  const archive = tarOf(
    [
      { path: 'dir', mode: 0o700, uid: 1000, gid: 1001 },
      { path: 'dir/policy.json', mode: 0o600, uid: 1000, gid: 1001, content: Buffer.from('{}\n') },
      { path: long, mode: 0o755, uid: 4_000_000, gid: 0, content: Buffer.alloc(1_000, 1) },
    ],
    Date.UTC(2026, 0, 2, 3, 4, 5),
  )
  const [directory, policy, far] = list(archive).trimEnd().split('\n')
  assert.match(directory ?? '', /^drwx------ 1000\/1001 +0 2026-01-02 03:04:05 dir\/$/)
  assert.match(policy ?? '', /^-rw------- 1000\/1001 +3 2026-01-02 03:04:05 dir\/policy\.json$/)
  assert.match(far ?? '', /^-rwxr-xr-x 4000000\/0 +1000 /)
  assert.ok(execFileSync('tar', ['--quoting-style=literal', '-tf', '-'], { input: archive }).toString().includes(long))
})

test('content comes out as it went in, whatever its length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_600 }), content => {
      const archive = tarOf([{ path: 'f', mode: 0o644, uid: 0, gid: 0, content }], 0)
      assert.equal(archive.length % 512, 0)
      assert.deepEqual(execFileSync('tar', ['-xOf', '-', 'f'], { input: archive }), Buffer.from(content))
    }),
    { numRuns: 12 },
  )
})
