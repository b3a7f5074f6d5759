import { integer, seededRandom } from '../../src/runtime/index.ts'

/**
 * Fenzo's own recipe (its TestLotsOfTasks): of all cores 20 % go to tasks of one, 40 % to tasks of half a host, 40 % to tasks of three
 * quarters.
 */
const ONE_CORE_SHARE = 0.2
const HALF_HOST_SHARE = 0.4
const THREE_QUARTERS_SHARE = 0.4
/** Tasks a pass. */
export const BATCH = 200
export const MEMORY_MB_PER_CORE = 1000

export type Row = { readonly hosts: number; readonly cores: number; readonly goodEnough: number; readonly passes: number }

/** What either side prints of a row. */
export type Outcome = {
  readonly placed: number
  readonly milliseconds: number
  readonly p99Ms: number
  /** Cores used of all, 0 to 1. */
  readonly full: number
  /** What lives on the heap at the end, after a full collection; ours with its typed arrays. */
  readonly heapMb: number
  /** Most that the process ever had resident (VmHWM): heap, garbage, code, the runtime itself, and the warm-up. */
  readonly peakMb: number
  readonly passes: number
}

export type OurOutcome = Outcome & { readonly firstMs: number; readonly medianMs: number }

/** Cores of each task, mixed; as many as fill the hosts if they were packed without loss. */
export const sizesFor = ({ hosts, cores }: Row, seed: number): number[] => {
  const all = hosts * cores
  const kinds = [
    [1, ONE_CORE_SHARE],
    [cores / 2, HALF_HOST_SHARE],
    [cores * 0.75, THREE_QUARTERS_SHARE],
  ] as const
  const sizes = kinds.flatMap(([size, share]) => Array.from({ length: Math.round((share * all) / size) }, () => size))
  const random = seededRandom(seed)
  for (let at = sizes.length - 1; at > 0; at--) {
    const other = integer(random, at + 1)
    ;[sizes[at], sizes[other]] = [sizes[other] ?? 0, sizes[at] ?? 0]
  }
  return sizes
}
