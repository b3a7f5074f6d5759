/**
 * Which slots changed lately, so that what was worked out over all hosts is brought up to date by looking at those alone. A ring: who comes
 * too late looks at all hosts again.
 */
export class ChangeLog {
  /** Passes place hundreds to thousands; an index that missed more than this many changes is better built anew. */
  static readonly LENGTH = 16_384
  readonly #ring = new Int32Array(ChangeLog.LENGTH)
  #version = 0
  #freedVersion = 0

  /** Grows by one with each change. */
  get version(): number {
    return this.#version
  }

  /** The version at which something last became possible that was not before: work ended, a host came, an attribute changed. */
  get freedVersion(): number {
    return this.#freedVersion
  }

  /** `freed` where the change may let something in; false where it only takes room. */
  note(slot: number, freed: boolean): void {
    this.#ring[this.#version % ChangeLog.LENGTH] = slot
    this.#version++
    if (freed) this.#freedVersion = this.#version
  }

  /** Whether all changes since are still known. */
  reachesBackTo(version: number): boolean {
    return this.#version - version <= ChangeLog.LENGTH
  }

  /** The slot that changed from `version` to the next. */
  slotAt(version: number): number {
    return this.#ring[version % ChangeLog.LENGTH] ?? 0
  }
}
