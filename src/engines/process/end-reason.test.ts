import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WORKLOAD_REASONS } from '../../model/index.ts'
import { childKilled, type Ending, reasonOf } from './end-reason.ts'

const ENDING: Ending = { how: 'status', status: 0, oomKills: 0, memoryLimitMb: 512, program: 'java' }

const TABLE: readonly (readonly [what: string, ending: Partial<Ending>, code: string, says: RegExp])[] = [
  ['it ended well', {}, 'exit-code', /by itself with exit code 0/],
  ['it failed', { status: 3 }, 'exit-code', /by itself with exit code 3/],
  ['the program is not there', { status: 127 }, 'invalid-spec', /java.*not found/],
  ['the program cannot be executed', { status: 126 }, 'invalid-spec', /java.*cannot be executed/],
  ['a signal ended it', { status: 143 }, 'exit-code', /SIGTERM \(exit code 143\)/],
  ['it crashed', { status: 139 }, 'exit-code', /SIGSEGV/],
  ['somebody killed it', { status: 137 }, 'exit-code', /SIGKILL.*neither by Manor nor for its memory limit/],
  ['a status that is no signal', { status: 255 }, 'exit-code', /exit code 255/],
  ['it was killed at its limit', { status: 137, oomKills: 1, peakMemoryMb: 511 }, 'oom-container', /512 MB \(highest seen: 511 MB\)/],
  ['it failed after a child was', { status: 1, oomKills: 2 }, 'oom-child', /exit code 1 after 2 of its processes were killed/],
  ['it ended well although a child was', { oomKills: 1 }, 'exit-code', /exit code 0/],
  ['we stopped it', { status: 143, stopped: 'politely' }, 'killed-by-us', /on request \(exit code 143\)/],
  ['we killed it', { status: 137, stopped: 'killed' }, 'killed-by-us', /grace/],
  ['we killed it while it was short of memory', { status: 137, stopped: 'killed', oomKills: 1 }, 'killed-by-us', /grace/],
  ['we stopped it and nobody saw the end', { how: 'lost', stopped: 'politely' }, 'killed-by-us', /on request/],
  ['nobody saw the end', { how: 'lost' }, 'node-lost', /not known/],
  ['the machine was restarted', { how: 'rebooted' }, 'node-lost', /restarted/],
  ['its command was never reached', { how: 'never-started' }, 'launch-timeout', /never reached/],
  ['its view could not be made', { status: 32, launchFailure: 'No view.' }, 'launch-timeout', /No view\./],
]

for (const [what, ending, code, says] of TABLE)
  test(`${what}: ${code}`, () => {
    const { status: _status, ...rest } = ENDING
    const reason = reasonOf({ ...(ending.how === undefined ? ENDING : rest), ...ending })
    assert.equal(reason.code, code)
    assert.match(reason.message, says)
  })

test('every ending has a code of the taxonomy and a sentence', () => {
  const ending = fc.record(
    {
      how: fc.constantFrom('status' as const, 'lost' as const, 'rebooted' as const, 'never-started' as const),
      status: fc.integer({ min: 0, max: 255 }),
      oomKills: fc.nat(5),
      memoryLimitMb: fc.nat(),
      program: fc.string(),
      peakMemoryMb: fc.nat(),
      stopped: fc.constantFrom('politely' as const, 'killed' as const),
      launchFailure: fc.constant('It could not be made.'),
    },
    { requiredKeys: ['how', 'status', 'oomKills', 'memoryLimitMb', 'program'] },
  )
  fc.assert(
    fc.property(ending, one => {
      const { code, message } = reasonOf(one)
      assert.ok(WORKLOAD_REASONS.some(known => known === code))
      assert.match(message, /^[A-Z].*\S$/s)
    }),
  )
})

test('a child killed for memory is told in the singular and the plural', () => {
  assert.match(childKilled({ oomKills: 1, memoryLimitMb: 64 }).message, /one of its processes was killed at its memory limit of 64 MB\./)
  assert.match(childKilled({ oomKills: 3, memoryLimitMb: 64 }).message, /3 of its processes were killed/)
})
