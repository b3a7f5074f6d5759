/** Sizes and lengths of time as people write them; the schema's patterns have been checked before. */
import type { Mebibytes, Milliseconds } from '../../src/model/index.ts'

const MEBIBYTES: Readonly<Record<string, Mebibytes>> = { m: 1, g: 1_024, t: 1_048_576 }
const MILLISECONDS: Readonly<Record<string, Milliseconds>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `512m`, `1.5gb`, `2TiB`; a gigabyte is 1,024 megabytes, as in every tool that sets memory limits. */
export const readSize = (text: string): Mebibytes => {
  const [, amount, unit = ''] = /^([\d.]+)\s*([mgt])/i.exec(text) ?? []
  return Math.round(Number(amount) * (MEBIBYTES[unit.toLowerCase()] ?? Number.NaN))
}

/** `90s`, `1h30m`. */
export const readLength = (text: string): Milliseconds =>
  [...text.matchAll(/([\d.]+)(ms|[dhms])/g)].reduce(
    (sum, [, amount, unit = '']) => sum + Number(amount) * (MILLISECONDS[unit] ?? Number.NaN),
    0,
  )
