/** Milliseconds since the Unix epoch, from a Clock; never from Date.now (design rule 7). */
export type Timestamp = number
/** A length of time in milliseconds. */
export type Milliseconds = number
export const SECOND: Milliseconds = 1_000
export const MINUTE: Milliseconds = 60 * SECOND
export const HOUR: Milliseconds = 60 * MINUTE

/** Memory and disk are whole mebibytes everywhere but at an engine's border, which speaks bytes. */
export type Mebibytes = number
export const BYTES_PER_MEBIBYTE = 1_048_576
