import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WORKLOAD_REASONS } from '../../model/index.ts'
import { childKilled, type Ending, reasonOf } from './end-reason.ts'

const ending: Ending = {
  exitCode: 0,
  oomKilled: false,
  memoryLimitMb: 512,
  stopped: false,
  daemonWasAway: false,
  daemonError: '',
  lastWords: '',
  program: '/usr/bin/java',
}

const HEAP = 'Terminating due to java.lang.OutOfMemoryError: Java heap space\n'

const rows: readonly (readonly [what: string, change: Partial<Ending>, code: string, message: RegExp, mend?: RegExp])[] = [
  ['exit 0', {}, 'exit-code', /exit code 0/],
  ['exit 5', { exitCode: 5 }, 'exit-code', /exit code 5/, /log/],
  ['a signal', { exitCode: 143 }, 'exit-code', /SIGTERM/],
  ['137 without a word of memory', { exitCode: 137 }, 'exit-code', /SIGKILL.*neither by Manor nor for its memory/, /kernel/],
  ['137 at the limit', { exitCode: 137, oomKilled: true, peakMemoryMb: 512 }, 'oom-container', /512 MB \(highest seen: 512 MB\)/, /768 MB/],
  ['a child at the limit, then failed', { exitCode: 2, oomKilled: true }, 'oom-child', /exit code 2 .*512 MB/, /768 MB/],
  ['a child at the limit, then fine', { exitCode: 0, oomKilled: true }, 'exit-code', /exit code 0/],
  ['stopped', { exitCode: 143, stopped: true }, 'killed-by-us', /on request \(exit code 143\)/],
  ['stopped and killed', { exitCode: 137, stopped: true }, 'killed-by-us', /was killed/],
  ['stopped while it was killed for memory', { exitCode: 137, stopped: true, oomKilled: true }, 'killed-by-us', /killed/],
  [
    'heap full, by the flag',
    { exitCode: 3, lastWords: HEAP },
    'oom-heap',
    /Java heap space.*exit code 3.*512 MB was not/,
    /MaxRAMPercentage/,
  ],
  ['heap full, by last words', { exitCode: 1, lastWords: 'x java.lang.OutOfMemoryError: Metaspace' }, 'oom-heap', /Metaspace/],
  ['heap words of one that ended well', { exitCode: 0, lastWords: HEAP }, 'exit-code', /exit code 0/],
  ['exit 3 without a word', { exitCode: 3 }, 'exit-code', /by itself with exit code 3/],
  ['limit and heap: the limit is what ended it', { exitCode: 137, oomKilled: true, lastWords: HEAP }, 'oom-container', /512 MB/],
  ['the daemon was stopped', { exitCode: 137, daemonWasAway: true }, 'node-lost', /daemon was stopped/, /live-restore/],
  ['found dead after the daemon was killed', { exitCode: 255, daemonWasAway: true }, 'node-lost', /daemon/],
  ['255 of its own', { exitCode: 255 }, 'exit-code', /255/],
  ['ended well while the daemon was away', { daemonWasAway: true }, 'exit-code', /exit code 0/],
  ['no such program', { exitCode: 127 }, 'invalid-spec', /\/usr\/bin\/java/, /full path/],
  ['not executable', { exitCode: 126 }, 'invalid-spec', /\/usr\/bin\/java/, /executable/],
  ['what Docker could not run', { exitCode: 128, daemonError: 'no cgroup' }, 'launch-timeout', /no cgroup/],
]
for (const [what, change, code, message, mend] of rows)
  test(`${what} is ${code}`, () => {
    const reason = reasonOf({ ...ending, ...change })
    assert.equal(reason.code, code)
    assert.match(reason.message, message)
    if (mend) assert.match(reason.mend ?? '', mend)
  })

test('every ending has a reason of the taxonomy and a whole sentence', () => {
  fc.assert(
    fc.property(
      fc.record({
        exitCode: fc.integer({ min: 0, max: 255 }),
        oomKilled: fc.boolean(),
        memoryLimitMb: fc.integer({ min: 16, max: 65_536 }),
        stopped: fc.boolean(),
        daemonWasAway: fc.boolean(),
        daemonError: fc.constantFrom('', 'x'),
        lastWords: fc.constantFrom('', HEAP),
        program: fc.constant('sh'),
      }),
      any => {
        const { code, message } = reasonOf(any)
        assert.ok(WORKLOAD_REASONS.some(known => known === code))
        assert.match(message, /^[A-Z].*\.$|x$/)
      },
    ),
  )
})

test('a process that was killed says which size would have done', () => {
  assert.match(childKilled({ memoryLimitMb: 64 }).mend ?? '', /128 MB/)
})
