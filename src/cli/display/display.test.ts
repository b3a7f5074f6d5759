import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../runtime/index.ts'
import type { OutputStream } from '../context.ts'
import { FakeScreen } from './fake-screen.ts'
import { createProgress, type Progress } from './progress.ts'

/** A little start of Manor, as `up` tells it. */
const story = async (progress: Progress, clock: VirtualClock): Promise<void> => {
  progress.say('Manor 0.1.0')
  progress.step('program', 'Jenkins')
  await clock.advance(1_500)
  progress.update('program', '2.541.3: 40 of 100 MB', { done: 40, total: 100 })
  await clock.advance(4_000)
  progress.done('program', '2.541.3, checksum verified')
  progress.step('hello', 'Controller hello')
  progress.update('hello', 'starting')
  await clock.advance(2_000)
  progress.log('[sample] + echo hello')
  progress.fail('hello', 'out of memory')
}

test('without a terminal there are plain lines, each with its seconds', async () => {
  const clock = new VirtualClock()
  let text = ''
  const progress = createProgress({ clock, env: {} }, { write: chunk => (text += chunk) })
  await story(progress, clock)
  progress.close()
  assert.equal(
    text,
    `   0.0 s  Manor 0.1.0
   0.0 s  Jenkins
   5.5 s  ✔ Jenkins: 2.541.3, checksum verified (5.5 s)
   5.5 s  Controller hello
   5.5 s  Controller hello: starting
   7.5 s    │ [sample] + echo hello
   7.5 s  ✖ Controller hello: out of memory (2.0 s)
`,
  )
})

test('a download in plain lines is told every few seconds, not with every packet', async () => {
  const clock = new VirtualClock()
  const lines: string[] = []
  const progress = createProgress({ clock, env: {} }, { write: text => lines.push(text) })
  progress.step('war', 'Jenkins')
  for (let done = 0; done <= 120; done++) {
    progress.update('war', `${done} of 120 MB`, { done, total: 120 })
    await clock.advance(100)
  }
  assert.deepEqual(lines.slice(1), ['   5.0 s  Jenkins: 50 of 120 MB (41 %)\n', '  10.0 s  Jenkins: 100 of 120 MB (83 %)\n'])
})

const terminal = (columns: number, rows: number, env = { NO_COLOR: '1' }) => {
  const clock = new VirtualClock()
  const screen = new FakeScreen(columns, rows)
  return { clock, screen, progress: createProgress({ clock, env }, screen) }
}

test('on a terminal what runs is at the bottom, and what is over stays above it', async () => {
  const { clock, screen, progress } = terminal(60, 10)
  const told = story(progress, clock)
  assert.deepEqual(screen.lines, ['Manor 0.1.0', '⠋    0.0 s  Jenkins'])
  await told
  progress.step('again', 'Second try')
  await clock.advance(1_000)
  assert.deepEqual(screen.lines.slice(0, 4), [
    'Manor 0.1.0',
    '✔    5.5 s  Jenkins: 2.541.3, checksum verified',
    '  │ [sample] + echo hello',
    '✖    2.0 s  Controller hello: out of memory',
  ])
  assert.match(screen.lines[4] ?? '', /^\S {4}1\.0 s {2}Second try$/)
  progress.close()
})

test('a download has a bar, and no line of the block reaches the last column', async () => {
  const { clock, screen, progress } = terminal(70, 10)
  progress.step('war', 'Jenkins')
  progress.update('war', '2.541.3: 50 of 100 MB and more words than there is room for', { done: 50, total: 100 })
  await clock.advance(200)
  assert.match(screen.lines[0] ?? '', /^\S +0\.2 s {2}Jenkins: 2\.541\.3: 50 .*… {2}█{12}░{12} {2}50%$/)
  assert.ok((screen.lines[0] ?? '').length < 70)
  screen.resize(45)
  await clock.advance(200)
  assert.match(screen.lines[0] ?? '', /^\S +0\.[34] s {2}Jenkins: 2\.541\.3: .*… {2}50%$|^\S +0\.[34] s {2}Jenkins: 2\.541\.3: .*…50%$/)
  assert.equal(screen.lines.length, 1)
  progress.close()
})

test('more steps than rows are counted instead of shown', async () => {
  const { clock, screen, progress } = terminal(60, 5)
  for (const id of ['a', 'b', 'c', 'd', 'e']) progress.step(id, `Step ${id}`)
  await clock.advance(100)
  assert.match(screen.lines.at(-1) ?? '', /and 3 more/)
  progress.close()
})

test('long lines wrap above the block without leaving traces', async () => {
  const { clock, screen, progress } = terminal(40, 20)
  progress.step('build', 'Build sample #1 with quite a long name')
  progress.log('x'.repeat(60))
  progress.log('y'.repeat(36))
  await clock.advance(300)
  assert.deepEqual(screen.lines.slice(0, 3), [`  │ ${'x'.repeat(36)}`, 'x'.repeat(24), `  │ ${'y'.repeat(36)}`])
  assert.equal(screen.lines.length, 4)
  progress.close()
})

test('a window that becomes narrower leaves no second copy of the block', async () => {
  const { clock, screen, progress } = terminal(80, 20)
  progress.say('first')
  progress.step('a', `Step with a title of ${'many '.repeat(8)}words`)
  await clock.advance(100)
  screen.resize(42)
  await clock.advance(100)
  assert.equal(screen.lines[0], 'first')
  assert.equal(screen.lines.filter(line => line.includes('Step')).length, 1)
  progress.close()
})

test('the cursor is hidden while something runs and is given back', async () => {
  const { clock, screen, progress } = terminal(60, 10)
  assert.equal(screen.cursorHidden, false)
  progress.step('a', 'Step')
  assert.equal(screen.cursorHidden, true)
  await clock.advance(500)
  progress.close()
  progress.close()
  assert.equal(screen.cursorHidden, false)
  assert.equal(screen.unknown.length, 0, 'only control sequences that every terminal knows')
})

test('news of a step that nobody began is not lost', async () => {
  for (const make of [() => terminal(60, 10).screen, () => ({ write: () => true })] as const) {
    const stream: OutputStream = make()
    const progress = createProgress({ clock: new VirtualClock(), env: {} }, stream)
    progress.update('a', 'running')
    progress.done('b', 'done')
    progress.close()
  }
})

test('what a log holds cannot move the cursor', () => {
  const { screen, progress } = terminal(60, 10)
  progress.log('\u001b[2J\u001b[31mred\u001b[0m\rback')
  assert.deepEqual(screen.lines, ['  │ redback'])
  progress.close()
})
