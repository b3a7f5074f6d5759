import { HOUR, type Mebibytes, MINUTE, type Milliseconds, SECOND, type Timestamp } from '../../model/index.ts'

const DAY = 24 * HOUR

/** `0.4s`, `45s`, `3m20s`, `1h05m`, `2d3h`: the two largest units, in the notation that options take. */
export const formatDuration = (ms: Milliseconds): string => {
  const positive = Math.max(0, ms)
  // Rounded before the unit is chosen, so that nothing reads as "60s".
  if (positive < 9_950) return `${trimZero((positive / SECOND).toFixed(1))}s`
  const seconds = Math.round(positive / SECOND)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3_600) return pair(seconds, MINUTE, 'm', SECOND, 's')
  const minutes = Math.round(positive / MINUTE)
  if (minutes < 24 * 60) return pair(minutes * 60, HOUR, 'h', MINUTE, 'm')
  return pair(Math.round(positive / HOUR) * 3_600, DAY, 'd', HOUR, 'h')
}

const pair = (seconds: number, largeMs: number, large: string, smallMs: number, small: string): string => {
  const largeSeconds = largeMs / SECOND
  const rest = Math.floor((seconds % largeSeconds) / (smallMs / SECOND))
  const shown = rest === 0 ? '' : `${small === 'h' ? rest : String(rest).padStart(2, '0')}${small}`
  return `${Math.floor(seconds / largeSeconds)}${large}${shown}`
}

const trimZero = (text: string): string => text.replace(/\.0$/, '')

/** `512 MB`, `1.5 GB`, `2 TB`; a gigabyte is 1,024 megabytes, as `parseSize` reads it. */
export const formatSize = (mebibytes: Mebibytes): string => {
  if (mebibytes < 1_000) return `${Math.round(mebibytes)} MB`
  if (mebibytes < 1_000 * 1_024) return `${trimZero((mebibytes / 1_024).toFixed(1))} GB`
  return `${trimZero((mebibytes / 1_048_576).toFixed(1))} TB`
}

/** `3.2 of 8`, without needless zeros. */
export const formatCores = (cores: number): string => trimZero(cores.toFixed(2).replace(/0$/, ''))

/** `3m20s ago`, `in 45s`, `just now`. */
export const formatRelative = (at: Timestamp, now: Timestamp): string => {
  const past = now - at
  if (Math.abs(past) < SECOND) return 'just now'
  return past > 0 ? `${formatDuration(past)} ago` : `in ${formatDuration(-past)}`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** The local time of day, with the date before it where that is not today. */
export const formatTime = (at: Timestamp, now: Timestamp): string => {
  const date = new Date(at)
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  const sameDay = date.toDateString() === new Date(now).toDateString()
  return sameDay ? time : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`
}

/** `1 item`, `3 items`. */
export const count = (amount: number, one: string, many = `${one}s`): string => `${amount} ${amount === 1 ? one : many}`
