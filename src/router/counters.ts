/** What the router has done since it was made, and what is open now; read by the metrics. */
export type RouterCounters = {
  readonly requests: number
  /** Answered by Manor itself: the console, the API, the hook's service. */
  readonly own: number
  readonly forwarded: number
  readonly redirected: number
  /** Answered with a notice: not serving, too many, malformed. */
  readonly refused: number
  /** The controller did not answer, or broke off in the middle. */
  readonly upstreamFailures: number
  /** Sent once more because a kept connection had been closed by the controller. */
  readonly retried: number
  /** The client went away before it had its answer. */
  readonly clientAborts: number
  /** Not HTTP, or too large a head. */
  readonly unreadable: number
  readonly upgrades: number
  readonly openRequests: number
  readonly openUpgrades: number
}

export type Counters = { -readonly [Name in keyof RouterCounters]: number }

export const newCounters = (): Counters => ({
  requests: 0,
  own: 0,
  forwarded: 0,
  redirected: 0,
  refused: 0,
  upstreamFailures: 0,
  retried: 0,
  clientAborts: 0,
  unreadable: 0,
  upgrades: 0,
  openRequests: 0,
  openUpgrades: 0,
})
