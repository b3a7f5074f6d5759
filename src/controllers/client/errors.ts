export type ClientErrorCode =
  /** Nothing listens, or the connection broke. */
  | 'refused'
  /** No answer within the deadline. */
  | 'timeout'
  /** It answers 503: it starts, restarts or ends. */
  | 'starting'
  /** The user or password or token is wrong. */
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  /** What was sent was not taken. */
  | 'invalid'
  /** An answer that this program does not give as we know it. */
  | 'unexpected'

/** A call to a controller that did not do what it was for. `message` is a sentence for a person; `status` is there where it answered at all. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  readonly status?: number
  constructor(code: ClientErrorCode, message: string, details: { readonly status?: number; readonly cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.status !== undefined) this.status = details.status
  }
}

/** Whether the same call may do later: the controller is away or on its way up. */
export const isPassing = (cause: unknown): boolean =>
  cause instanceof ClientError && (cause.code === 'refused' || cause.code === 'timeout' || cause.code === 'starting')

const CODES: Readonly<Record<number, ClientErrorCode>> = {
  400: 'invalid',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  503: 'starting',
}

const SENTENCES: Readonly<Record<ClientErrorCode, string>> = {
  refused: 'it does not answer',
  timeout: 'it did not answer in time',
  starting: 'it is not ready',
  unauthorized: 'it does not know this user, or the password or token is wrong',
  forbidden: 'this user may not do that',
  'not-found': 'it has no such thing',
  invalid: 'it did not take what was sent',
  unexpected: 'its answer is not one that is known',
}

/** The error that an answer stands for. `told` is what the controller itself says, from its `X-Error` header. */
export const errorOf = (what: string, status: number, told?: string): ClientError => {
  const code = CODES[status] ?? 'unexpected'
  return new ClientError(code, `The controller could not ${what}: ${told ?? SENTENCES[code]} (status ${status}).`, { status })
}

const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined

/**
 * The error that a call without an answer stands for. An abort of the caller's own is passed on as it is.
 */
export const failureOf = (what: string, cause: unknown): unknown => {
  if (cause instanceof ClientError) return cause
  if (cause instanceof DOMException && cause.name === 'AbortError') return cause
  const timedOut = (cause instanceof DOMException && cause.name === 'TimeoutError') || /TIMEOUT/.test(codeOf(cause) ?? '')
  const code = timedOut ? 'timeout' : 'refused'
  return new ClientError(code, `The controller could not ${what}: ${SENTENCES[code]}.`, { cause })
}
