/** The daemon answered, and it was no success. */
export class DockerError extends Error {
  override readonly name = 'DockerError'
  /** HTTP status; of an error inside a stream that began with 200, that 200. */
  readonly status: number
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

/** There was no answer: no connection, a cut one, none in time. Whether the call was carried out is not known. */
export class DaemonSilent extends Error {
  override readonly name = 'DaemonSilent'
}

export const hasStatus = (cause: unknown, ...statuses: readonly number[]): boolean =>
  cause instanceof DockerError && statuses.includes(cause.status)

/** What was asked about is not there: undefined instead of the daemon's 404. */
export const absentAsUndefined = async <Value>(work: Promise<Value>): Promise<Value | undefined> => {
  try {
    return await work
  } catch (cause) {
    if (hasStatus(cause, 404)) return undefined
    throw cause
  }
}
