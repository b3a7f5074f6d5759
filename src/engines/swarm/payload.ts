import type { Timestamp, Workload } from '../../model/index.ts'
import { type TarEntry, tarOf } from '../docker/client/tar.ts'
import { type ContainerUser, privateFiles } from '../docker/container-spec.ts'
import { invalid } from '../process/prepare.ts'

/**
 * How a workload's files come to it: Swarm has no way to put a file into a container but secrets and configs, which are mounted so that nothing
 * in them can be executed, at places whose directories are root's. So all of them travel as one archive, in as many secrets as it needs, and a
 * line of `sh` unpacks it before the command. An image needs `sh` and `tar` for that, and a /tmp that its user may write to.
 */

/** One secret holds less than 512,000 bytes (swarmkit's own limit). */
const SECRET_BYTES = 500_000
/** Secrets live in every manager's memory and log, for as long as the workload does. What is larger belongs into a mount. */
export const MAX_SECRETS = 4
/** Where a header of the archive has no room, some programs cut the path short in silence. */
const MAX_PATH_BYTES = 99

/** Every workload's private directory: on a volume of its own at /tmp, which takes its owner and mode from the image's /tmp. */
const PRIVATE_ROOT = '/tmp/.manor'
export const privateDirectory = (id: string): string => `${PRIVATE_ROOT}/${id}`

export const secretPath = (part: number): string => `manor.${part}`

/**
 * Words: the private directory, the working directory, the number of secrets, then the command, which this shell becomes. Two streams are made
 * one, since they are read one after the other and their order is lost. Names begin with "manor_", since a workload's own variables are
 * exported already.
 */
export const START = [
  'manor_d=$1 manor_w=$2 manor_n=$3 manor_u=$(umask); shift 3; umask 077',
  'mkdir -p "$manor_d/tmp" || { echo "The image has no /tmp that its user may write to." >&2; exit 126; }',
  'manor_i=0; if [ "$manor_n" -gt 0 ]; then while [ "$manor_i" -lt "$manor_n" ]; do cat "/run/secrets/manor.$manor_i" || exit 126; manor_i=$((manor_i+1)); done | tar -xpf - -C "$manor_d" || exit 126; fi',
  'umask "$manor_u"; cd "$manor_w" || exit 126',
  'unset manor_d manor_w manor_n manor_u manor_i; exec "$@" 2>&1 </dev/null',
].join('\n')

/** The archive of a workload's files, in pieces that each fit into a secret. Throws an EngineError where it is too large. */
export const payloadOf = (
  workload: Workload,
  ports: Readonly<Record<string, number>>,
  user: ContainerUser,
  now: Timestamp,
): readonly Uint8Array[] => {
  const entries = privateFiles(workload, ports, user, privateDirectory(workload.id)).flatMap(entry => within(entry, workload.id))
  if (workload.files.length === 0) return []
  const archive = tarOf(entries, now)
  const pieces: Uint8Array[] = []
  for (let at = 0; at < archive.length; at += SECRET_BYTES) pieces.push(archive.subarray(at, at + SECRET_BYTES))
  if (pieces.length > MAX_SECRETS)
    throw invalid(
      `The files of ${workload.id} come to ${archive.length} bytes, and a Swarm keeps ${MAX_SECRETS * SECRET_BYTES} at most for a workload.`,
      'Mount a directory instead.',
    )
  return pieces
}

/** The entry as seen from the private directory, which is there already. */
const within = (entry: TarEntry, id: string): TarEntry[] => {
  if (entry.path === id) return []
  const path = entry.path.slice(id.length + 1)
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw invalid(`The file "${path}" has a longer path than ${MAX_PATH_BYTES} bytes.`, 'Give a shorter one.')
  return [{ ...entry, path }]
}
