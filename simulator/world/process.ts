/** A program that a workload runs. */
export type Process = {
  /** The polite signal; it may take its time, or ignore it. */
  terminate(): void
  /** It is gone, now; whatever it would have done next does not happen. */
  kill(): void
}

/** How a program ended. */
export type Exit = { readonly code: number; readonly oom?: boolean }
