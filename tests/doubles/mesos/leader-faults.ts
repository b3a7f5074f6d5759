/** What a leader does wrong, so often as it was told to. */
export class LeaderFaults {
  #rescindsBeforeAccept = 0
  #suppressesPassedOver = 0
  #launchesLost = 0
  #killsLost = 0
  /** Nobody is offered anything. */
  starves = false

  /** Offers are taken back in the moment in which somebody accepts them. */
  rescindBeforeAccept(times: number): void {
    this.#rescindsBeforeAccept = times
  }

  /** Offers that were on their way come after a SUPPRESS. */
  offerAfterSuppress(times: number): void {
    this.#suppressesPassedOver = times
  }

  /** The leader takes a launch on and dies, or the agent never hears of it: nothing runs, and the leader believes that it is staging. */
  loseLaunches(times: number): void {
    this.#launchesLost = times
  }

  loseKills(times: number): void {
    this.#killsLost = times
  }

  beforeAccept(rescind: () => void): void {
    if (this.#rescindsBeforeAccept-- > 0) rescind()
  }

  passesOverSuppress(): boolean {
    return this.#suppressesPassedOver-- > 0
  }

  losesLaunch(): boolean {
    return this.#launchesLost-- > 0
  }

  losesKill(): boolean {
    return this.#killsLost-- > 0
  }

  restore(): void {
    this.#rescindsBeforeAccept = 0
    this.#suppressesPassedOver = 0
    this.#launchesLost = 0
    this.#killsLost = 0
    this.starves = false
  }
}
