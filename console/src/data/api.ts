/**
 * Requests to /api/v1. Every answer is a value: what was asked for, or a Problem with the mend. This is the border where JSON gets its type;
 * both sides are built from one contract, so it is not checked again here.
 */
import { signal } from '@preact/signals'
import type { Problem } from '../../../src/api/contract.ts'

const PREFIX = '/api/v1'
const CURSOR_HEADER = 'x-manor-cursor'
/** Longest that a person is left looking at a button that was pressed. */
const REQUEST_TIMEOUT_MS = 20_000

export type Answer<T> =
  | { readonly ok: true; readonly value: T; readonly cursor?: string }
  | { readonly ok: false; readonly problem: Problem }

/** True once a request was answered 401: the session is gone, and only a new sign-in link helps. */
export const signedOut = signal(false)

const silent = (cause: unknown): Problem => ({
  type: 'about:blank',
  title: 'Manor does not answer',
  status: 0,
  code: 'no-answer',
  detail: `${cause instanceof DOMException && cause.name === 'TimeoutError' ? `No answer within ${REQUEST_TIMEOUT_MS / 1_000} s.` : 'The connection failed.'} Check that ./manor up runs on its machine, then try again.`,
})

const problemOf = async (response: Response): Promise<Problem> => {
  const text = await response.text()
  if (response.headers.get('content-type')?.includes('json')) return JSON.parse(text) as Problem
  return {
    type: 'about:blank',
    title: response.statusText,
    status: response.status,
    code: 'not-a-problem',
    detail: `Manor answered ${response.status} ${response.statusText}. Try again; "./manor status" on its machine may say more.`,
  }
}

const send = async (method: string, path: string, body: unknown): Promise<Response | Problem> => {
  try {
    const response = await fetch(PREFIX + path, {
      method,
      credentials: 'same-origin',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    if (response.status === 401) signedOut.value = true
    return response.ok ? response : await problemOf(response)
  } catch (cause) {
    return silent(cause)
  }
}

const answer = async <T>(sent: Promise<Response | Problem>, read: (response: Response) => Promise<T>): Promise<Answer<T>> => {
  const response = await sent
  if (!(response instanceof Response)) return { ok: false, problem: response }
  try {
    const cursor = response.headers.get(CURSOR_HEADER)
    return { ok: true, value: await read(response), ...(cursor === null ? {} : { cursor }) }
  } catch (cause) {
    return { ok: false, problem: silent(cause) }
  }
}

/** Ends this browser's session. */
export const signOut = async (): Promise<void> => {
  const response = await fetch('/sign-out', { method: 'POST', credentials: 'same-origin' })
  if (response.ok || response.status === 401) signedOut.value = true
}

export const get = <T>(path: string): Promise<Answer<T>> =>
  answer(send('GET', path, undefined), async response => (await response.json()) as T)

export const getText = (path: string): Promise<Answer<string>> => answer(send('GET', path, undefined), response => response.text())

export const patch = <T>(path: string, body: unknown): Promise<Answer<T>> =>
  answer(send('PATCH', path, body), async response => (await response.json()) as T)

export const remove = (path: string): Promise<Answer<undefined>> => answer(send('DELETE', path, undefined), async () => undefined)

export const post = <T>(path: string, body?: unknown): Promise<Answer<T>> =>
  answer(send('POST', path, body), async response => (await response.json()) as T)
