import type { Reason } from '../../model/index.ts'
import { EngineError } from '../engine.ts'
import { DaemonSilent, DockerError } from './client/errors.ts'

type Row = {
  readonly says: RegExp
  readonly reason: (said: string) => Omit<Reason, 'since'>
  readonly retryable: boolean
}

const PORT_TAKEN = /port is already allocated|address already in use|bind for .* failed/i
const DISK_FULL = /no space left on device|disk quota exceeded/i
const NETWORK_GONE = /network \S+ not found|could not find (an available )?network/i

/** What daemons say where a container cannot be made or started, in the order in which it is looked for. */
const ROWS: readonly Row[] = [
  {
    says: PORT_TAKEN,
    reason: said => ({
      code: 'quota',
      message: `A port of it is taken by somebody else on its host: ${said}`,
      mend: 'Stop what listens there, or take another port.',
    }),
    retryable: true,
  },
  {
    says: DISK_FULL,
    reason: said => ({ code: 'disk-limit', message: `The disk of its host is full: ${said}`, mend: 'Free some of it: docker system df.' }),
    retryable: true,
  },
  {
    says: /no such image/i,
    reason: said => ({ code: 'image-pull', message: `Its image is not on its host: ${said}`, mend: 'Let it be pulled, or load it there.' }),
    retryable: true,
  },
  {
    says: /executable file not found|exec format error|no such file or directory: unknown|permission denied: unknown/i,
    reason: said => ({
      code: 'invalid-spec',
      message: `The image cannot run its command: ${said}`,
      mend: 'Its image needs /bin/sh, for this architecture.',
    }),
    retryable: false,
  },
  {
    says: /bind source path does not exist|invalid mount|invalid volume|gathering device|no such device|invalid reference format|minimum memory limit/i,
    reason: said => ({ code: 'invalid-spec', message: `Docker refuses it: ${said}`, mend: 'Change what the message names.' }),
    retryable: false,
  },
]

/** Whether the daemon could not keep what it was told, for want of disk. */
export const isDiskFull = (cause: unknown): boolean => cause instanceof DockerError && DISK_FULL.test(cause.message)

/** What the daemon said to a create or start, as something that a person can mend. Retryable unless the workload itself is at fault. */
export const startFailure = (cause: unknown): EngineError => {
  if (cause instanceof EngineError) return cause
  const said = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof DaemonSilent) return hostSilent(said, cause)
  const row = ROWS.find(({ says }) => says.test(said))
  if (row !== undefined) return new EngineError(row.reason(said), row.retryable, { cause })
  // 400 is "bad parameter": the same call can never succeed.
  const isOurs = cause instanceof DockerError && cause.status === 400
  return new EngineError(
    isOurs
      ? { code: 'invalid-spec', message: `Docker refuses it: ${said}`, mend: 'Change what the message names.' }
      : {
          code: 'launch-timeout',
          message: `It could not be started: ${said}`,
          mend: "It is tried again; see the daemon's log on its host.",
        },
    !isOurs,
    { cause },
  )
}

export const hostSilent = (said: string, cause?: unknown): EngineError =>
  new EngineError({ code: 'node-lost', message: said, mend: 'Look after the host and its Docker daemon. It is tried again.' }, true, {
    cause,
  })

const PULL_HOPELESS = /not found|manifest unknown|name unknown|denied|unauthorized|no basic auth|invalid reference|no matching manifest/i

/** Why an image could not be brought. Where the registry does not have it or does not give it, trying again changes nothing. */
export const pullFailure = (image: string, cause: unknown): EngineError => {
  const said = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof DaemonSilent) return hostSilent(said, cause)
  return new EngineError(
    {
      code: 'image-pull',
      message: `The image ${image} could not be pulled: ${said}`,
      mend: 'Look at its name, and at the login of its registry.',
    },
    !PULL_HOPELESS.test(said),
    { cause },
  )
}

export const isPortTaken = (cause: unknown): boolean => cause instanceof DockerError && PORT_TAKEN.test(cause.message)
export const isNetworkGone = (cause: unknown): boolean => cause instanceof DockerError && NETWORK_GONE.test(cause.message)
