/** The API's own errors, each with its status. What the rooms below refuse is in problems.ts. */
export const API_ERRORS = {
  invalid: 400,
  'wrong-origin': 403,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'not-prepared': 409,
  conflict: 409,
  'too-many-attempts': 429,
  'too-many-streams': 503,
} as const
export type ApiErrorCode = keyof typeof API_ERRORS

export type ErrorDetails = { readonly field?: string; readonly allowed?: readonly string[]; readonly retryAfterSeconds?: number }

export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ApiErrorCode
  readonly details: ErrorDetails
  /** Read by fastify where a validator gives this back. */
  readonly statusCode: number
  constructor(code: ApiErrorCode, message: string, details: ErrorDetails = {}) {
    super(message)
    this.code = code
    this.details = details
    this.statusCode = API_ERRORS[code]
  }
}
