import { isAbsolute, normalize } from 'node:path'
import { type Access, closedBy, type Workload, type WorkloadMount } from '../../model/index.ts'
import { invalid } from '../process/prepare.ts'
import { isWithin } from '../process/view.ts'

/** Where every workload's private directories are inside its container. */
export const PRIVATE_ROOT = '/manor'
/** A workload's own: with its id in it, so that a path that leaks means nothing in another container. */
export const privateDirectory = (id: string): string => `${PRIVATE_ROOT}/${id}`

/** What inside a container belongs to the engine and the runtime. */
const TAKEN_TARGETS: readonly string[] = [PRIVATE_ROOT, '/proc', '/sys', '/dev', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf']

/** The paths of its host that a workload was allowed, as mounts at their own place. */
const accessMounts = (access: Access | undefined): readonly WorkloadMount[] =>
  (access?.hostPaths ?? []).map(({ path, writable }) => ({ source: path, target: path, readOnly: writable !== true }))

/** Everything of its host that a workload sees. */
export const allMounts = ({ mounts, access }: Pick<Workload, 'mounts' | 'access'>): readonly WorkloadMount[] => [
  ...mounts,
  ...accessMounts(access),
]

/**
 * Refuses mounts that would give away the host, those that a tenant's policy allows included. `realPaths` are the sources as they are once links
 * were followed, where that can be known. `closed` adds the daemon's own socket and data directory.
 */
export const checkMounts = ({ mounts }: Pick<Workload, 'mounts'>, realPaths: readonly string[], closed: readonly string[]): void => {
  for (const { source, target } of mounts) {
    if (!isAbsolute(source) || !isAbsolute(target))
      throw invalid(`The mount ${source} at ${target} is no absolute path.`, 'Give whole paths.')
    if (source.includes('\0') || target.includes('\0')) throw invalid('A mount holds a zero byte.', 'Take it out.')
    const place = normalize(target)
    if (place === '/' || TAKEN_TARGETS.some(taken => isWithin(place, taken) || isWithin(taken, place)))
      throw invalid(`Nothing can be mounted at ${target}: that place in a container is the engine's own.`, 'Mount it elsewhere.')
  }
  for (const path of [...mounts.map(({ source }) => normalize(source)), ...realPaths]) {
    const gives = closedBy(path, closed)
    if (gives !== undefined) throw refused(path, gives)
  }
}

const refused = (path: string, what: string) =>
  invalid(`The mount ${path} would give the workload ${what}, and with it the host.`, 'Leave it out: no workload may have it.')
