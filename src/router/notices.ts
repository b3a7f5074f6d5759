import type { ControllerPhase } from '../model/index.ts'
import type { RouteTarget } from './routes.ts'

/** What the router answers by itself, as a page to a browser and as problem+json to a program. */
export type Notice = {
  readonly status: 400 | 404 | 429 | 502 | 503 | 504
  /** Stable, for programs. */
  readonly code: string
  readonly title: string
  /** What is so, in one or two sentences. */
  readonly detail: string
  /** What a person can do about it. */
  readonly mend?: string
  /** When asking again may help; also how often a browser's page asks by itself. */
  readonly retryAfterSeconds?: number
  readonly controller?: { readonly name: string; readonly phase: ControllerPhase; readonly sinceSeconds: number }
}

/** Why a controller did not answer. */
export type UpstreamFailure = 'refused' | 'connect-timeout' | 'silent' | 'broken' | 'unintelligible'

/** A start takes 3 to 30 s: asking more often than this would not show it sooner to a person. */
const SOON_SECONDS = 2
const LATER_SECONDS = 15

type Words = { readonly title: string; readonly detail: string; readonly mend?: string; readonly retryAfterSeconds?: number }

const WORDS: Readonly<Record<ControllerPhase, (name: string) => Words>> = {
  pending: name => ({
    title: `${name} is waiting for a place`,
    detail: 'It starts as soon as a host has room for it.',
    retryAfterSeconds: LATER_SECONDS,
  }),
  preparing: name => ({
    title: `${name} is being prepared`,
    detail: 'Its home and its program are being put in place.',
    retryAfterSeconds: SOON_SECONDS,
  }),
  starting: name => ({
    title: `${name} is starting`,
    detail: 'Its program has been started and is being secured before it serves.',
    retryAfterSeconds: SOON_SECONDS,
  }),
  ready: name => ({ title: `${name} is ready`, detail: 'It has no address yet.', retryAfterSeconds: SOON_SECONDS }),
  quieting: name => ({ title: `${name} is quieting down`, detail: 'It waits for its builds to end.', retryAfterSeconds: LATER_SECONDS }),
  stopping: name => ({ title: `${name} is stopping`, detail: 'Its program is ending.', retryAfterSeconds: LATER_SECONDS }),
  stopped: name => ({
    title: `${name} is stopped`,
    detail: 'Its owner does not want it to run now; its home is kept.',
    mend: `Start it in the console, or with: ./manor controller start ${name}`,
  }),
  failed: name => ({
    title: `${name} could not start`,
    detail: 'It is tried again by itself, less often each time.',
    mend: `See why with: ./manor controller explain ${name}`,
    retryAfterSeconds: LATER_SECONDS,
  }),
  unreachable: name => ({
    title: `${name} is out of reach`,
    detail: 'The host it runs on is silent. It is not started elsewhere while it may still be running there.',
    retryAfterSeconds: LATER_SECONDS,
  }),
  deleting: name => ({ title: `${name} is being deleted`, detail: 'Its home is kept aside for a while.' }),
}

/**
 * A controller that does not serve now. What was asked is not kept: a webhook's sender gets 503 with Retry-After and has to send it again
 * (that such requests are kept and replayed comes with sleeping controllers).
 */
export const notServing = (route: RouteTarget, now: number): Notice => {
  const { reason, phase, name } = route
  const { detail, mend = reason?.mend, ...words } = WORDS[phase](name)
  return {
    status: 503,
    code: `controller-${phase}`,
    ...words,
    detail: reason === undefined ? detail : sentence(reason.message),
    ...(reason?.mend !== undefined ? { mend: sentence(reason.mend) } : mend === undefined ? {} : { mend }),
    controller: seen(route, now),
  }
}

const FAILURES: Readonly<Record<UpstreamFailure, { readonly status: 502 | 504; readonly says: string }>> = {
  refused: { status: 502, says: 'Nothing listens on its port: its program has ended or is being started again' },
  'connect-timeout': { status: 504, says: 'Its host did not take the connection in time' },
  silent: { status: 504, says: 'It took the request and then said nothing for a long time' },
  broken: { status: 502, says: 'It broke the connection off before it had answered' },
  unintelligible: { status: 502, says: 'What it answered is not HTTP as this router understands it' },
}

/** A controller that should have answered and did not. */
export const upstreamFailed = (route: RouteTarget, failure: UpstreamFailure, now: number): Notice => {
  const { status, says } = FAILURES[failure]
  return {
    status,
    code: `controller-${failure}`,
    title: `${route.name} did not answer`,
    detail: `${says}.`,
    mend: `Try again in a moment. If this goes on, look at: ./manor controller logs ${route.name}`,
    retryAfterSeconds: SOON_SECONDS,
    controller: seen(route, now),
  }
}

/** A controller to which as many requests are open as are allowed. */
export const tooManyRequests = (route: RouteTarget, most: number, now: number): Notice => ({
  status: 429,
  code: 'too-many-requests',
  title: `${route.name} is busy`,
  detail: `${most} requests to it are open at the same time, which is the most that this router allows.`,
  mend: 'Try again in a moment.',
  retryAfterSeconds: SOON_SECONDS,
  controller: seen(route, now),
})

/** As many WebSockets are open as are allowed, over all controllers. */
export const tooManySockets = (most: number): Notice => ({
  status: 503,
  code: 'too-many-sockets',
  title: 'Too many WebSockets',
  detail: `${most} are open through this router, which is the most that it allows.`,
  mend: 'Try again later, or close what is not needed.',
  retryAfterSeconds: LATER_SECONDS,
})

export const malformed = (detail: string): Notice => ({ status: 400, code: 'malformed-request', title: 'Malformed request', detail })

const seen = ({ name, phase, since }: RouteTarget, now: number): NonNullable<Notice['controller']> => ({
  name,
  phase,
  sinceSeconds: Math.max(0, Math.round((now - since) / 1000)),
})

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`)
