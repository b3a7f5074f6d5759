import type { AttributeColumn } from './columns.ts'

type Domains = { readonly column: AttributeColumn; readonly counts: Map<number, number> }
type Group = { readonly onSlot: Map<number, number>; readonly byAttribute: Map<string, Domains> }

/**
 * How many works of each group run on each host, and in each zone, rack or whatever a constraint asks about. The counts of an attribute are
 * kept from when they are first asked for, so that a look at a host costs one lookup instead of a walk over the group's works.
 */
export class Groups {
  readonly #groups = new Map<string, Group>()
  readonly #columnOf: (attribute: string) => AttributeColumn

  constructor(columnOf: (attribute: string) => AttributeColumn) {
    this.#columnOf = columnOf
  }

  add(group: string, slot: number): void {
    this.#change(group, slot, 1)
  }

  remove(group: string, slot: number): void {
    this.#change(group, slot, -1)
  }

  /** Works of the group on the host. */
  onHost(group: string, slot: number): number {
    return this.#groups.get(group)?.onSlot.get(slot) ?? 0
  }

  /** Works of the group by the attribute's value code. Live. */
  byValue(group: string, attribute: string): ReadonlyMap<number, number> {
    const known = this.#groups.get(group)
    if (known === undefined) return EMPTY
    let domains = known.byAttribute.get(attribute)
    if (domains === undefined) {
      domains = { column: this.#columnOf(attribute), counts: new Map() }
      for (const [slot, count] of known.onSlot) bump(domains.counts, domains.column.at(slot), count)
      known.byAttribute.set(attribute, domains)
    }
    return domains.counts
  }

  /** A host's attributes changed: what is counted by attribute is counted again when it is next asked for. */
  forgetDomains(): void {
    for (const { byAttribute } of this.#groups.values()) byAttribute.clear()
  }

  #change(name: string, slot: number, by: number): void {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = { onSlot: new Map(), byAttribute: new Map() }
      this.#groups.set(name, group)
    }
    bump(group.onSlot, slot, by)
    for (const { column, counts } of group.byAttribute.values()) bump(counts, column.at(slot), by)
    if (group.onSlot.size === 0) this.#groups.delete(name)
  }
}

const EMPTY: ReadonlyMap<number, number> = new Map()

const bump = (counts: Map<number, number>, key: number, by: number): void => {
  const count = (counts.get(key) ?? 0) + by
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}
