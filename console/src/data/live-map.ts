/**
 * Rows of one kind, each in a signal of its own, so that a change touches what shows that row and nothing else. Two speeds:
 * - `watch(id)` and `ids` follow at once (once a frame, see changes.ts);
 * - `all`, which tables and sums derive from, follows when `settle` is called, because re-sorting 8,000 rows sixty times a second helps nobody.
 */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'

export type LiveMap<T> = {
  readonly ids: ReadonlySignal<readonly string[]>
  readonly all: ReadonlySignal<readonly T[]>
  /** The row now; within a render or a computed it subscribes to that row (or to its appearing). */
  watch(id: string): T | undefined
  /** Without subscribing. */
  peek(id: string): T | undefined
  replaceAll(rows: Iterable<readonly [string, T]>): void
  /** `null` removes. */
  put(id: string, row: T | null): void
  settle(): void
}

export const liveMap = <T>(): LiveMap<T> => {
  const rows = new Map<string, Signal<T>>()
  const ids = signal<readonly string[]>([])
  const settled = signal(0)
  let isDirty = false
  const refreshIds = (): void => {
    ids.value = [...rows.keys()].toSorted()
  }
  return {
    ids,
    all: computed(() => {
      settled.value
      return [...rows.values()].map(row => row.peek())
    }),
    watch: id => {
      const row = rows.get(id)
      if (row) return row.value
      ids.value
      return undefined
    },
    peek: id => rows.get(id)?.peek(),
    replaceAll: entries => {
      const next = new Map(entries)
      for (const id of rows.keys()) if (!next.has(id)) rows.delete(id)
      for (const [id, value] of next) {
        const row = rows.get(id)
        if (row) row.value = value
        else rows.set(id, signal(value))
      }
      refreshIds()
      settled.value++
      isDirty = false
    },
    put: (id, value) => {
      const row = rows.get(id)
      isDirty = true
      if (value === null) {
        if (rows.delete(id)) refreshIds()
      } else if (row) row.value = value
      else {
        rows.set(id, signal(value))
        refreshIds()
      }
    },
    settle: () => {
      if (!isDirty) return
      isDirty = false
      settled.value++
    },
  }
}
