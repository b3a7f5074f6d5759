/**
 * What came over the stream and was not shown yet. Only the newest change of a row is kept, so the buffer is never larger than the fleet,
 * however long the page was hidden. Pure.
 */
import type { Change, EventView } from '../../../src/api/contract.ts'

/** Events that the console remembers; older ones are a request away. */
export const MAX_EVENTS = 1_000

export type ChangeBuffer = {
  add(change: Change): void
  addEvent(event: EventView): void
  /** Everything since the last call, and forgets it. */
  take(): { readonly changes: readonly Change[]; readonly events: readonly EventView[] }
  clear(): void
}

export const changeBuffer = (): ChangeBuffer => {
  const changes = new Map<string, Change>()
  let events: EventView[] = []
  const clear = (): void => {
    changes.clear()
    events = []
  }
  return {
    add: change => {
      changes.set(`${change.kind}/${change.id}`, change)
    },
    addEvent: event => {
      events.push(event)
      if (events.length > MAX_EVENTS) events = events.slice(-MAX_EVENTS)
    },
    take: () => {
      const taken = { changes: [...changes.values()], events }
      clear()
      return taken
    },
    clear,
  }
}

/** Newest first, each once, bounded. */
export const mergeEvents = (known: readonly EventView[], news: readonly EventView[]): readonly EventView[] => {
  if (news.length === 0) return known
  const bySeq = new Map([...known, ...news].map(event => [event.seq, event]))
  return [...bySeq.values()].toSorted((a, b) => b.seq - a.seq).slice(0, MAX_EVENTS)
}
