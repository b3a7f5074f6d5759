/** A turn of the loop that something else had, in `nowMs`. */
export type Span = { readonly from: number; readonly to: number }

/** When a record came to whoever hands it on, and when it was in the kernel's hands for sure: a busy machine may hold it up between. */
export type Arrival = { readonly key: string; readonly from: number; sentAt: number }

export type Waits = {
  readonly records: number
  /** From `from` on, so the hold-ups of whoever handed it on are in it. */
  readonly medianMs: number
  readonly p99Ms: number
  readonly longestMs: number
  /** Passes that ran, in part or whole, since one was sent: the most of any record, and the share of records for which it was at most one. */
  readonly mostPasses: number
  readonly afterOnePass: number
}

/** Milliseconds on a clock that all processes of this machine share. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** How long records waited between their coming to the process and being read there. What came or was read twice counts the first time. */
export const waitsOf = (
  arrived: readonly Arrival[],
  heard: readonly (readonly [key: string, at: number])[],
  passes: readonly Span[],
): Waits => {
  const arrivals = new Map(arrived.toReversed().map(one => [one.key, one]))
  const readAt = new Map(heard.toReversed())
  const waits: number[] = []
  let mostPasses = 0
  let afterOnePass = 0
  for (const [key, at] of readAt) {
    const came = arrivals.get(key)
    if (came === undefined) continue
    waits.push(at - came.from)
    const count = passesWithin(passes, came.sentAt, at)
    mostPasses = Math.max(mostPasses, count)
    if (count <= 1) afterOnePass++
  }
  waits.sort((one, other) => one - other)
  const at = (share: number): number => waits[Math.min(waits.length - 1, Math.floor(share * waits.length))] ?? 0
  return {
    records: waits.length,
    medianMs: at(0.5),
    p99Ms: at(0.99),
    longestMs: waits.at(-1) ?? 0,
    mostPasses,
    afterOnePass: afterOnePass / Math.max(1, waits.length),
  }
}

/** Passes follow each other, so those of a stretch of time are found by halves. */
const passesWithin = (passes: readonly Span[], from: number, to: number): number => {
  let low = 0
  let high = passes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((passes[middle]?.to ?? 0) <= from) low = middle + 1
    else high = middle
  }
  let count = 0
  for (let at = low; at < passes.length && (passes[at]?.from ?? to) < to; at++) count++
  return count
}
