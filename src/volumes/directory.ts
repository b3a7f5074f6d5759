import { chown, lstat, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Homes } from '../controllers/index.ts'
import type { ControllerId, WorkloadFile } from '../model/index.ts'
import { HOUR } from '../model/index.ts'
import { type Clock, hasCode } from '../runtime/index.ts'

/** How long the home of a deleted controller is kept aside. */
export const RETIRED_KEPT_MS = 7 * 24 * HOUR

type Owner = { readonly uid: number; readonly gid: number }

export type DirectoryHomesOptions = {
  /** Homes are `controllers/NAME/home` below it, retired ones `retired/NAME.EPOCH`. */
  readonly directory: string
  /** Who owns a controller's new home; undefined leaves it to who runs Manor. */
  readonly ownerOf: (controller: ControllerId) => Owner | undefined
  readonly clock: Clock
}

/** Homes as plain directories of this machine: the embedded default. */
export const createDirectoryHomes = ({ directory, ownerOf, clock }: DirectoryHomesOptions): Homes & { sweep(): Promise<void> } => {
  const homeOf = (id: ControllerId): string => join(directory, 'controllers', id, 'home')
  const give = async (path: string, owner: Owner | undefined): Promise<void> => {
    if (owner) await chown(path, owner.uid, owner.gid)
  }
  /** Makes a directory and those above it up to `top`, each given to the owner if it is new. Never touches what is there: a big home is not walked. */
  const make = async (top: string, path: string, owner: Owner | undefined): Promise<void> => {
    if (path.length > top.length) await make(top, dirname(path), owner)
    try {
      await mkdir(path, { mode: 0o750 })
      await give(path, owner)
    } catch (cause) {
      if (!hasCode(cause, 'EEXIST')) throw cause
    }
  }
  const put = async (home: string, file: WorkloadFile, flag: 'w' | 'wx', owner: Owner | undefined): Promise<void> => {
    const path = join(home, file.path)
    await make(home, dirname(path), owner)
    // A link that a controller left there must not lead the write elsewhere.
    if (flag === 'w' && (await isLink(path))) await rm(path)
    try {
      await writeFile(path, Buffer.from(file.content, file.encoding ?? 'utf8'), { mode: file.mode, flag })
      await give(path, owner)
    } catch (cause) {
      if (!(flag === 'wx' && hasCode(cause, 'EEXIST'))) throw cause
    }
  }
  return {
    prepare: async (id, once, always) => {
      const home = homeOf(id)
      const owner = ownerOf(id)
      await mkdir(dirname(home), { recursive: true, mode: 0o755 })
      await make(home, home, owner)
      // Also where it was there: a crash may have come between making it and giving it away, and then its controller could never write.
      await give(home, owner)
      for (const file of once) await put(home, file, 'wx', owner)
      for (const file of always) await put(home, file, 'w', owner)
      return home
    },
    retire: async (id, epoch) => {
      const retired = join(directory, 'retired')
      await mkdir(retired, { recursive: true, mode: 0o700 })
      try {
        await rename(join(directory, 'controllers', id), join(retired, `${id}.${epoch}`))
      } catch (cause) {
        if (!hasCode(cause, 'ENOENT')) throw cause
      }
    },
    /** Deletes retired homes whose time is over. */
    sweep: async () => {
      const retired = join(directory, 'retired')
      const names = await readdir(retired).catch((cause: unknown) => {
        if (hasCode(cause, 'ENOENT')) return []
        throw cause
      })
      for (const name of names) {
        const path = join(retired, name)
        const { ctimeMs } = await stat(path)
        if (clock.now() - ctimeMs > RETIRED_KEPT_MS) await rm(path, { recursive: true, force: true })
      }
    },
  }
}

const isLink = async (path: string): Promise<boolean> => {
  try {
    return (await lstat(path)).isSymbolicLink()
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return false
    throw cause
  }
}
