import { chmod, mkdir, rename, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from './errors.ts'
import { type Layout, layoutOf } from './layout.ts'

/** Less free space than this and a controller's first start would fill the disk: a war unpacked, its home, logs. */
const MIN_FREE_MIB = 512
const BYTES_PER_MIB = 1_048_576

/** Makes the home where there is none and checks that it can be used. Rejects with a StartError that says the mend. */
export const prepareHome = async (home: string): Promise<Layout> => {
  const layout = layoutOf(home)
  try {
    // Workloads run as other users and must pass through; the database, the key and run/ are closed to them by their own modes.
    await mkdir(home, { recursive: true, mode: 0o711 })
    await mkdir(layout.run, { recursive: true, mode: 0o700 })
    await chmod(layout.run, 0o700)
    for (const directory of [layout.hook, layout.jarCaches, layout.engine]) await mkdir(directory, { recursive: true, mode: 0o755 })
    await replaceFile(join(layout.run, 'write-test'), '', 0o600)
  } catch (cause) {
    throw homeError(home, cause)
  }
  const { bavail, bsize } = await statfs(home)
  const freeMib = Math.floor((bavail * bsize) / BYTES_PER_MIB)
  if (freeMib < MIN_FREE_MIB)
    throw new StartError(
      'disk-full',
      `The disk of ${home} has ${freeMib} MB free and at least ${MIN_FREE_MIB} MB are needed: free some space, or choose another home with --home.`,
    )
  return layout
}

/** Turns a failed write in the home into the sentence that says what to do about it. */
export const homeError = (home: string, cause: unknown): unknown => {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
    case 'EEXIST':
      return new StartError(
        'home-unwritable',
        `The home ${home} cannot be written (${code}): give this user write permission there, or choose another with --home DIR.`,
        { cause },
      )
    case 'ENOSPC':
    case 'EDQUOT':
      return new StartError('disk-full', `The disk of ${home} is full: free some space, or choose another home with --home DIR.`, { cause })
    default:
      return cause
  }
}

/** Writes a small file as a whole: a reader sees the old or the new one, never half of one. */
export const replaceFile = async (path: string, content: string, mode: number): Promise<void> => {
  const beside = `${path}.new`
  await writeFile(beside, content, { mode, flush: true })
  await chmod(beside, mode)
  await rename(beside, path)
}
