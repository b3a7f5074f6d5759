import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SECOND } from '../../../model/index.ts'
import { deadline } from '../../../runtime/index.ts'
import { ifThere } from './files.ts'
import type { ProgramsPorts } from './ports.ts'
import { findOnPath, isExecutable } from './run-command.ts'

export type Java = {
  /** Absolute path of the launcher, with links resolved, so that its grandparent is the Java home. */
  readonly path: string
  /** Feature release: 17, 21, 25. */
  readonly release: number
}

/** A JVM on a busy machine that is started for the first time reads its libraries from disk. */
const VERSION_TIMEOUT_MS = 20 * SECOND

/** Feature release from what `java -version` prints: `openjdk version "17.0.15"`, or `"1.8.0_402"` before 9. */
export const parseJavaRelease = (text: string): number | undefined => {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(text) ?? []
  if (first === undefined) return undefined
  return first === '1' && second !== undefined ? Number(second) : Number(first)
}

/** What `java -version` said, by path and time of change, for the life of this process. */
export type JavaVersions = Map<string, Promise<number | undefined>>

/** Every Java of this machine: JAVA_HOME first, then the path, the system's, and those that were brought into the cache. */
export const findJavas = async (ports: ProgramsPorts, known: JavaVersions, signal: AbortSignal): Promise<readonly Java[]> => {
  const found = new Map<string, Java>()
  for (const candidate of await candidates(ports)) {
    if (!(await isExecutable(candidate))) continue
    const path = await realpath(candidate)
    if (found.has(path)) continue
    const release = await releaseOf(ports, known, path, signal)
    if (release !== undefined) found.set(path, { path, release })
  }
  return [...found.values()]
}

export const javaCache = (ports: Pick<ProgramsPorts, 'cacheDirectory'>): string => join(ports.cacheDirectory, 'java')

const candidates = async (ports: ProgramsPorts): Promise<string[]> => {
  const { JAVA_HOME, PATH } = ports.environment
  const onPath = await findOnPath('java', PATH ?? '')
  const homes: string[] = JAVA_HOME ? [JAVA_HOME] : []
  const later: string[] = []
  for (const root of [...ports.javaRoots, javaCache(ports)])
    for (const name of ((await ifThere(readdir(root))) ?? []).toSorted()) if (!name.startsWith('.')) later.push(join(root, name))
  return [...homes.map(launcherIn), ...(onPath === undefined ? [] : [onPath]), ...later.map(launcherIn)]
}

export const launcherIn = (home: string): string => join(home, 'bin', 'java')

const releaseOf = async (ports: ProgramsPorts, known: JavaVersions, path: string, signal: AbortSignal): Promise<number | undefined> => {
  const key = `${path} ${(await stat(path)).mtimeMs}`
  const asked = known.get(key) ?? askRelease(ports, path, signal)
  known.set(key, asked)
  try {
    return await asked
  } catch (cause) {
    known.delete(key)
    if (signal.aborted) throw cause
    // One that cannot be started is none: the wrong architecture, a library that is missing.
    return undefined
  }
}

const askRelease = async (ports: ProgramsPorts, path: string, signal: AbortSignal): Promise<number | undefined> => {
  const limit = deadline(ports.clock, VERSION_TIMEOUT_MS, signal)
  try {
    const { exitCode, stderr, stdout } = await ports.run([path, '-version'], limit.signal)
    return exitCode === 0 ? parseJavaRelease(stderr || stdout) : undefined
  } finally {
    limit.done()
  }
}

/** The first release of `wanted`, best first, that is there; among equals the one that was found first. */
export const chooseJava = (javas: readonly Java[], wanted: readonly number[]): Java | undefined =>
  wanted.map(release => javas.find(java => java.release === release)).find(java => java !== undefined)
