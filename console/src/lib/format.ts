/** Numbers, sizes and lengths of time as people read them. Pure. */
const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

export const formatCount = (value: number): string => whole.format(value)

/** `1 build`, `2 builds`. */
export const counted = (count: number, noun: string, plural = `${noun}s`): string => `${formatCount(count)} ${count === 1 ? noun : plural}`

/** At most two units, so that it fits a column: `0.4 s`, `45 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export const formatDuration = (ms: number): string => {
  if (ms < 0) return '0 s'
  if (ms < SECOND_MS) return ms < 50 ? '0 s' : `${(ms / SECOND_MS).toFixed(1)} s`
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`
  const two = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`
  if (ms < HOUR_MS) return two(Math.floor(ms / MINUTE_MS), 'min', Math.floor((ms % MINUTE_MS) / SECOND_MS), 's')
  if (ms < DAY_MS) return two(Math.floor(ms / HOUR_MS), 'h', Math.floor((ms % HOUR_MS) / MINUTE_MS), 'min')
  return two(Math.floor(ms / DAY_MS), 'd', Math.floor((ms % DAY_MS) / HOUR_MS), 'h')
}

/** One unit and coarse, for times that tick beside many rows: `now`, `45 s`, `3 min`, `2 h`, `3 d`. */
export const formatAge = (ms: number): string => {
  if (ms < SECOND_MS) return 'now'
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`
  return `${formatCount(Math.floor(ms / DAY_MS))} d`
}

const KIBI = 1_024
/** Mebibytes as MB, GB or TB with at most one decimal. */
export const formatMemory = (memoryMb: number): string => {
  const scaled = (value: number, unit: string): string =>
    `${value >= 100 || Number.isInteger(value) ? whole.format(value) : value.toFixed(1)} ${unit}`
  if (memoryMb < KIBI) return `${whole.format(memoryMb)} MB`
  if (memoryMb < KIBI * KIBI) return scaled(memoryMb / KIBI, 'GB')
  return scaled(memoryMb / KIBI / KIBI, 'TB')
}

export const formatCores = (cpu: number): string =>
  `${Number.isInteger(cpu) ? whole.format(cpu) : cpu.toFixed(cpu < 10 ? 2 : 1).replace(/0$/, '')} ${cpu === 1 ? 'core' : 'cores'}`

const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const fullTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' })
export const formatClockTime = (at: number): string => clockTime.format(at)
export const formatFullTime = (at: number): string => fullTime.format(at)

/** Parts of `total` in whole percent, for widths and for screen readers; 0 where there is no total. */
export const percentOf = (part: number, total: number): number => (total <= 0 ? 0 : Math.min(100, Math.max(0, (part / total) * 100)))
