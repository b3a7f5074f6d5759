import { systemClock, systemRandom } from '../runtime/index.ts'
import type { CliContext } from './context.ts'
import { EXIT } from './errors.ts'
import { runCli } from './run.ts'

/** Longest delay that a timer takes: a timer that only keeps the process alive. */
const LONG_MS = 2_147_483_647

/** Runs this process as the command line: signals, a closed pipe, the exit code. */
export const runProcess = async (): Promise<void> => {
  const stopped = new AbortController()
  const onSignal = (): void => {
    // The second ctrl-C means it: whatever is being finished is left.
    if (stopped.signal.aborted) process.exit(EXIT.interrupted)
    stopped.abort(new DOMException('Interrupted.', 'AbortError'))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  // `manor event list | head`: a reader that has seen enough is no error.
  process.stdout.on('error', error => {
    if ('code' in error && error.code === 'EPIPE') process.exit(EXIT.ok)
    throw error
  })
  // Timers of the Clock do not keep a process alive; a command that waits for one must not end early.
  const alive = setInterval(() => {}, LONG_MS)
  const context: CliContext = {
    stdout: process.stdout,
    stderr: process.stderr,
    // Opening standard input costs time and starts reading a terminal, so it is done by those who read it.
    get stdin() {
      return process.stdin
    },
    env: process.env,
    clock: systemClock,
    random: systemRandom,
    signal: stopped.signal,
  }
  process.exitCode = await runCli(process.argv.slice(2), context)
  clearInterval(alive)
}
