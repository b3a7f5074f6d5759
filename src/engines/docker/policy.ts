import { isAbsolute, normalize } from 'node:path'
import type { Workload } from '../../model/index.ts'
import { invalid } from '../process/prepare.ts'
import { isWithin } from '../process/view.ts'

/** Where every workload's private directories are inside its container. */
export const PRIVATE_ROOT = '/manor'
/** A workload's own: with its id in it, so that a path that leaks means nothing in another container. */
export const privateDirectory = (id: string): string => `${PRIVATE_ROOT}/${id}`

/**
 * What of a host never comes into a container: the daemons' sockets, with which a build would own the host, and the kernel's own files. What
 * lies above one of them holds it.
 */
const CLOSED: readonly string[] = ['/run', '/var/run', '/proc', '/sys', '/dev', '/boot', '/var/lib/docker', '/var/lib/containerd']
const SOCKET = /(^|\/)(docker|containerd|dockershim|crio|podman|buildkitd)\.sock$/

/** What inside a container belongs to the engine and the runtime. */
const TAKEN_TARGETS: readonly string[] = [PRIVATE_ROOT, '/proc', '/sys', '/dev', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf']

/**
 * Refuses mounts that would give away the host. `realPaths` are the sources as they are once links were followed, where that can be known.
 * `closed` adds the daemon's own socket and data directory. Privileges, devices, capabilities and the host's namespaces cannot be asked for at
 * all: a workload has no words for them.
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
  const forbidden = [...CLOSED, ...closed]
  for (const path of [...mounts.map(({ source }) => normalize(source)), ...realPaths]) {
    if (SOCKET.test(path)) throw refused(path, 'a socket of a container engine')
    const found = forbidden.find(each => isWithin(path, each) || isWithin(each, path))
    if (found !== undefined) throw refused(path, `what is below ${found}`)
  }
}

const refused = (path: string, what: string) =>
  invalid(`The mount ${path} would give the workload ${what}, and with it the host.`, 'Leave it out: no workload may have it.')
