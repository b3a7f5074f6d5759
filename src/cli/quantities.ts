import { HOUR, type Mebibytes, MINUTE, type Milliseconds, SECOND } from '../model/index.ts'
import { CliError } from './errors.ts'

/** Mebibytes of each unit that people write. A gigabyte is 1,024 megabytes here, as in every tool that sets memory limits. */
const SIZE_UNITS: Readonly<Record<string, number>> = {
  m: 1,
  mb: 1,
  mib: 1,
  g: 1024,
  gb: 1024,
  gib: 1024,
  t: 1_048_576,
  tb: 1_048_576,
  tib: 1_048_576,
}

/** Largest first: a length of time is written in falling units. */
const DURATION_UNITS = [
  ['d', 24 * HOUR],
  ['h', HOUR],
  ['m', MINUTE],
  ['s', SECOND],
  ['ms', 1],
] as const satisfies readonly (readonly [string, Milliseconds])[]

/** Reads `512m`, `1g`, `1.5GiB`. Throws a CliError that names `what` (an option or a field) and what it may be. */
export const parseSize = (what: string, text: string): Mebibytes => {
  const found = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim())
  const factor = SIZE_UNITS[found?.[2]?.toLowerCase() ?? '']
  const mebibytes = factor === undefined ? Number.NaN : Math.round(Number(found?.[1]) * factor)
  if (mebibytes >= 1) return mebibytes
  const bare = /^\d+(\.\d+)?$/.test(text.trim()) ? `: it lacks its unit, for example ${text.trim()}m or ${text.trim()}g.` : undefined
  throw new CliError(`${what} is "${text}"${bare ?? ': give a size with its unit, for example 512m, 1g or 1.5GiB.'}`)
}

/** Reads `45s`, `20m`, `1h30m`, `500ms`, `0`. Throws a CliError that names `what` and what it may be. */
export const parseDuration = (what: string, text: string): Milliseconds => {
  const compact = text.trim().toLowerCase()
  if (compact === '0') return 0
  let rest = compact
  let total = 0
  for (const [unit, lengthMs] of DURATION_UNITS) {
    // The unit must not go on: "5ms" is no five minutes.
    const found = new RegExp(`^(\\d+(?:\\.\\d+)?)${unit}(?![a-z])`).exec(rest)
    if (!found) continue
    total += Number(found[1]) * lengthMs
    rest = rest.slice(found[0].length)
  }
  if (rest === '' && compact !== '') return Math.round(total)
  const bare = /^\d+(\.\d+)?$/.test(compact) ? `: it lacks its unit, for example ${compact}s or ${compact}m.` : undefined
  throw new CliError(`${what} is "${text}"${bare ?? ': give a length of time, largest unit first, for example 45s, 20m or 1h30m.'}`)
}

/** Reads a whole number within bounds. Throws a CliError that names `what` and the bounds. */
export const parseCount = (what: string, text: string, least: number, most: number): number => {
  const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new CliError(`${what} is "${text}": give a whole number from ${least} to ${most}.`)
}

/** Reads a number larger than 0, such as a weight of `2` or `0.5`. */
export const parseWeight = (what: string, text: string): number => {
  const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN
  if (value > 0) return value
  throw new CliError(`${what} is "${text}": give a number larger than 0, for example 2 or 0.5.`)
}

/** Reads what `read` reads, or `none`, which takes away. Not as null: commander makes an empty text of that. */
export const orNone =
  <Value>(read: (what: string, text: string) => Value) =>
  (what: string, text: string): Value | 'none' => {
    if (text.trim().toLowerCase() === 'none') return 'none'
    try {
      return read(what, text)
    } catch (cause) {
      throw cause instanceof CliError ? new CliError(`${cause.message.replace(/\.$/, '')}, or none.`, cause.exitCode, { cause }) : cause
    }
  }

/** Reads a number of cores, such as `2` or `0.5`. */
export const parseCores = (what: string, text: string): number => {
  const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN
  if (value > 0) return value
  throw new CliError(`${what} is "${text}": give a number of cores, for example 2 or 0.5.`)
}
