import { layoutOf, type RunFile, readRunFile } from '../../control-plane/index.ts'
import { hasCode } from '../../runtime/index.ts'

/** What the Manor that runs in this home says of itself; undefined where none runs. */
export const runningManor = async (home: string): Promise<RunFile | undefined> => {
  const run = await readRunFile(layoutOf(home))
  return run !== undefined && isAlive(run.pid) ? run : undefined
}

/** A process of this number is there. It may be another by now: whoever asks goes on to talk to it. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return hasCode(cause, 'EPERM')
  }
}
