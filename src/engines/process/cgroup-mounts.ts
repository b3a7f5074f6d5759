import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/**
 * Where groups could be made: for each tree a list of directories, best first. The top of what is mounted comes first, because a group there
 * outlives a service manager that ends Manor's own group; but where Manor's own group has a memory limit it comes first, because what Manor
 * starts must not slip out from under a limit that somebody put on Manor.
 */
export type CgroupMounts = {
  /** The version 2 tree, where there is one. */
  readonly unified?: readonly string[]
  /** The version 1 trees by controller. */
  readonly separate: ReadonlyMap<string, readonly string[]>
  /** The least memory limit on Manor's own group, in bytes, where one is set. */
  readonly ownLimitBytes?: number
}

/** "No limit" in version 1 is the largest multiple of a page in 63 bits; nothing real is near. */
const NO_LIMIT_BYTES = 2 ** 60

/** Reads /proc/self/mountinfo and /proc/self/cgroup (formats: proc(5), cgroups(7)). */
export const readCgroupMounts = (proc = '/proc/self'): CgroupMounts =>
  findCgroupMounts(readFileSync(`${proc}/mountinfo`, 'utf8'), readFileSync(`${proc}/cgroup`, 'utf8'), readLimit)

const readLimit = (group: string): number | undefined => {
  for (const file of ['memory.max', 'memory.limit_in_bytes']) {
    try {
      const bytes = Number.parseInt(readFileSync(join(group, file), 'utf8'), 10)
      if (bytes < NO_LIMIT_BYTES) return bytes
    } catch {
      // The other version's file, or the top group, which has none.
    }
  }
  return undefined
}

export const findCgroupMounts = (mountinfo: string, ownGroups: string, limitOf: (group: string) => number | undefined): CgroupMounts => {
  const own = ownGroups
    .trim()
    .split('\n')
    .map(line => /^(\d+):([^:]*):(.*)$/.exec(line))
  const ownPath = (controller: string): string =>
    own.find(match => (controller === '' ? match?.[2] === '' : match?.[2]?.split(',').includes(controller)))?.[3] ?? '/'
  let unified: string[] | undefined
  let ownLimitBytes: number | undefined
  const separate = new Map<string, string[]>()
  const places = (mountPoint: string, root: string, path: string): string[] => {
    const inside = relative(root, path)
    const group = inside.startsWith('..') ? mountPoint : join(mountPoint, inside)
    const limit = limitOf(group)
    if (limit !== undefined) ownLimitBytes = Math.min(limit, ownLimitBytes ?? limit)
    return [...new Set(limit === undefined ? [mountPoint, group] : [group])]
  }
  for (const line of mountinfo.trim().split('\n')) {
    const [left = '', right = ''] = line.split(' - ')
    const [, , , root = '/', mountPoint = ''] = left.split(' ')
    const [type, , options = ''] = right.split(' ')
    // A path with blanks would have to be quoted everywhere; no distribution mounts control groups at such a place.
    if (/\s|\\0/.test(mountPoint)) continue
    if (type === 'cgroup2') unified = places(mountPoint, root, ownPath(''))
    if (type === 'cgroup')
      for (const controller of options.split(','))
        if (['memory', 'cpu', 'pids'].includes(controller)) separate.set(controller, places(mountPoint, root, ownPath(controller)))
  }
  return { ...(unified === undefined ? {} : { unified }), separate, ...(ownLimitBytes === undefined ? {} : { ownLimitBytes }) }
}
