import { STATUS_CODES } from 'node:http'
import { HookError, type HookErrorCode } from '../agents/index.ts'
import { OperationError, type OperationErrorCode } from '../controllers/index.ts'
import { EngineError } from '../engines/engine.ts'
import { IdentityError, type IdentityErrorCode } from '../identity/index.ts'
import { StoreError, type StoreErrorCode } from '../store/index.ts'
import type { Problem } from './contract.ts'
import { API_ERRORS, ApiError, type ErrorDetails } from './errors.ts'

/** An error as an answer (RFC 9457). */
export type ProblemAnswer = { readonly problem: Problem; readonly retryAfterSeconds?: number }

const OPERATION_STATUS: Readonly<Record<OperationErrorCode, number>> = {
  invalid: 400,
  'not-found': 404,
  exists: 409,
  'illegal-action': 409,
  'not-ready': 503,
  'in-use': 409,
  'too-many': 409,
  'not-allowed': 403,
}
const IDENTITY_STATUS: Readonly<Record<IdentityErrorCode, number>> = {
  invalid: 400,
  'not-found': 404,
  'beyond-own-rights': 403,
  'too-many-tokens': 409,
}
const HOOK_STATUS: Readonly<Record<HookErrorCode, number>> = { 'stale-epoch': 409, 'unknown-session': 409, 'unknown-controller': 404 }
const STORE_STATUS: Readonly<Record<StoreErrorCode, number>> = {
  conflict: 409,
  exists: 409,
  missing: 404,
  overloaded: 503,
  closed: 503,
  'store-locked': 503,
  'store-newer': 503,
  'store-full': 507,
  'store-unwritable': 507,
}

/** How long a client is asked to wait before it tries again, where trying again can help. */
const RETRY_AFTER_SECONDS = 2

export const problem = (status: number, code: string, detail: string, { field, allowed }: ErrorDetails = {}): Problem => ({
  type: `urn:manor:problem:${code}`,
  title: STATUS_CODES[status] ?? 'Error',
  status,
  detail,
  code,
  ...(field === undefined ? {} : { field }),
  ...(allowed === undefined ? {} : { allowed: [...allowed] }),
})

/** The answer to an expected error, or undefined for one that is a bug or a broken machine: nothing of that one may be shown. */
export const problemOf = (cause: unknown): ProblemAnswer | undefined => {
  if (cause instanceof ApiError)
    return answer(problem(API_ERRORS[cause.code], cause.code, cause.message, cause.details), cause.details.retryAfterSeconds)
  if (cause instanceof OperationError) return answer(problem(OPERATION_STATUS[cause.code], cause.code, cause.message, cause))
  if (cause instanceof IdentityError) return answer(problem(IDENTITY_STATUS[cause.code], cause.code, cause.message, cause))
  if (cause instanceof HookError) return answer(problem(HOOK_STATUS[cause.code], cause.code, cause.message))
  if (cause instanceof StoreError) return answer(problem(STORE_STATUS[cause.code], cause.code, cause.message))
  if (cause instanceof EngineError)
    return answer(problem(cause.retryable ? 503 : 502, cause.reason.code, `${cause.reason.message} ${cause.reason.mend ?? ''}`.trim()))
  if (cause instanceof DOMException && cause.name === 'TimeoutError') return answer(problem(504, 'timeout', `${cause.message} Try again.`))
  return frameworkProblem(cause)
}

const answer = (problem: Problem, retryAfterSeconds?: number): ProblemAnswer => {
  const seconds = retryAfterSeconds ?? (problem.status === 503 ? RETRY_AFTER_SECONDS : undefined)
  return seconds === undefined ? { problem } : { problem, retryAfterSeconds: seconds }
}

/** Fastify's own refusals by their stable codes (fastify.dev/docs/latest/Reference/Errors), in our words. */
const FRAMEWORK: Readonly<Record<string, { readonly code: string; readonly detail: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'body-too-large', detail: 'The body is larger than this route takes: send less.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'media-type',
    detail: 'The body must be JSON: send it with the header content-type: application/json.',
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: {
    code: 'invalid',
    detail: 'The body is empty though its content-type says JSON: send JSON, or leave the header out.',
  },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'invalid', detail: 'The body is no JSON: check its commas and quotes.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { code: 'invalid', detail: 'The body is not as long as its content-length says.' },
  FST_ERR_BAD_URL: { code: 'invalid', detail: 'The path holds an escape that does not decode: encode it again.' },
  FST_ERR_MAX_PARAM_LENGTH: { code: 'not-found', detail: 'A part of the path is longer than any name.' },
}

const frameworkProblem = (cause: unknown): ProblemAnswer | undefined => {
  if (!(cause instanceof Error && 'statusCode' in cause && 'code' in cause)) return undefined
  const { statusCode, code } = cause
  if (typeof statusCode !== 'number' || statusCode >= 500 || typeof code !== 'string') return undefined
  const known = FRAMEWORK[code] ?? { code: 'invalid', detail: cause.message }
  return answer(problem(statusCode, known.code, known.detail))
}
