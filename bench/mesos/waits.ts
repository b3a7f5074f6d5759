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
  /** The share of records that was read while a pass had its thread: none of a reader that shares the thread with it. */
  readonly duringPass: number
  /** Of the records that were sent while a pass was under way, the share that was read only once that pass was over. */
  readonly outlasted: number
  /**
   * The same share where each record's wait is held against the pass of each: what it is by chance, for a reader that takes no notice of
   * passes but needs some time too. One that waits for passes has a larger share than that.
   */
  readonly outlastedByChance: number
}

/** Milliseconds on a clock that all processes of this machine share. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** How long records waited between their coming to the process and being read there. What came or was read twice counts the first time. */
export const waitsOf = (
  arrived: readonly Arrival[],
  read: readonly (readonly [key: string, at: number])[],
  passes: readonly Span[],
): Waits => {
  const arrivals = new Map(arrived.toReversed().map(one => [one.key, one]))
  const waits: number[] = []
  const took: number[] = []
  const left: number[] = []
  let duringPass = 0
  let outlasted = 0
  for (const [key, at] of new Map(read.toReversed())) {
    const came = arrivals.get(key)
    if (came === undefined) continue
    waits.push(at - came.from)
    if (passAt(passes, at) !== undefined) duringPass++
    const underWay = passAt(passes, came.sentAt)
    if (underWay === undefined) continue
    // It may be read before whoever sent it is told that it was sent.
    took.push(Math.max(0, at - came.sentAt))
    left.push(underWay.to - came.sentAt)
    if (at >= underWay.to) outlasted++
  }
  waits.sort((one, other) => one - other)
  const at = (share: number): number => waits[Math.min(waits.length - 1, Math.floor(share * waits.length))] ?? 0
  return {
    records: waits.length,
    medianMs: at(0.5),
    p99Ms: at(0.99),
    longestMs: waits.at(-1) ?? 0,
    duringPass: duringPass / Math.max(1, waits.length),
    outlasted: outlasted / Math.max(1, took.length),
    outlastedByChance: shareOfPairs(took, left),
  }
}

/** The share of all pairs in which the one is at least the other. */
const shareOfPairs = (ones: readonly number[], others: readonly number[]): number => {
  let count = 0
  for (const one of ones) for (const other of others) if (one >= other) count++
  return count / Math.max(1, ones.length * others.length)
}

/** Passes follow each other, so the one of a moment is found by halves. */
const passAt = (passes: readonly Span[], at: number): Span | undefined => {
  let low = 0
  let high = passes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((passes[middle]?.to ?? 0) <= at) low = middle + 1
    else high = middle
  }
  const pass = passes[low]
  return pass !== undefined && pass.from <= at ? pass : undefined
}
