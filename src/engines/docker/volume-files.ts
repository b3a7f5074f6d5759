import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from '../../runtime/index.ts'
import { isWithin } from '../process/view.ts'
import type { Info, Inspected } from './client/answers.ts'
import type { TarEntry } from './client/tar.ts'
import { PRIVATE_ROOT } from './policy.ts'

/**
 * Private files by the short way: where the daemon's volumes are directories of this machine, they are written there, which takes a millisecond
 * or two. The daemon's archive call does the same by mounting the container's root and starting a program of its own, which is a tenth and more
 * of what a start costs; it is for daemons that are elsewhere, and for whatever keeps this from working.
 */

/** Where a daemon's volumes are, if this process may write there as the daemon itself would; undefined where it may not. */
export const ownVolumes = ({ DockerRootDir, SecurityOptions }: Info, isLocal: boolean): string | undefined => {
  // Users inside its containers are others outside, or it is not root itself: then whose a file is, is the daemon's to say.
  const isMapped = SecurityOptions?.some(option => /^name=(userns|rootless)/.test(option)) ?? false
  return isLocal && !isMapped && process.getuid?.() === 0 ? join(DockerRootDir, 'volumes') : undefined
}

/**
 * Writes the entries into the container's private volume. The container must not have run: nobody but the daemon can have put anything there. False
 * where the volume is not to be found here, or something is in the way: then it is the daemon's to do.
 */
export const writeToVolume = async ({ Mounts }: Inspected, volumes: string, entries: readonly TarEntry[]): Promise<boolean> => {
  const root = Mounts?.find(({ Type, Destination }) => Type === 'volume' && Destination === PRIVATE_ROOT)?.Source
  if (root === undefined || !isWithin(root, volumes)) return false
  try {
    // A daemon behind this machine's socket may still be another machine's, or outside of the container that Manor is in.
    if (!(await stat(root)).isDirectory()) return false
    for (const { path, mode, uid, gid, content } of entries) {
      const place = join(root, path)
      if (!isWithin(place, root)) return false
      if (content === undefined) await makeDirectory(place, mode)
      else await writeFile(place, content, { mode })
      await chown(place, uid, gid)
      // What a file is made with is cut by this process' mask, and one that was there keeps what it had.
      await chmod(place, mode)
    }
    return true
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause) return false
    throw cause
  }
}

const makeDirectory = async (place: string, mode: number): Promise<void> => {
  try {
    await mkdir(place, { mode })
  } catch (cause) {
    if (!hasCode(cause, 'EEXIST')) throw cause
  }
}
