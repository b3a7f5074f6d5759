/** How numbers are written in a report. */
import { HOUR, MINUTE, type Milliseconds, SECOND } from '../../src/model/index.ts'

/** `1,234,567`, and one decimal place below a hundred where there is one. */
export const number = (value: number): string =>
  Math.abs(value) >= 100 || Number.isInteger(value)
    ? Math.round(value).toLocaleString('en-US')
    : value.toFixed(Math.abs(value) >= 10 ? 1 : 2)

export const percent = (share: number): string => `${Math.round(share * 100)} %`

/** `0`, `250 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `1 d 3 h`: the two largest units. */
export const duration = (ms: Milliseconds): string => {
  if (ms <= 0) return '0'
  if (ms < SECOND) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / SECOND).toFixed(1).replace(/\.0$/, '')} s`
  const seconds = Math.round(ms / SECOND)
  if (seconds < 3_600) return pair(seconds, 60, 'min', 1, 's')
  const minutes = Math.round(ms / MINUTE)
  if (minutes < 1_440) return pair(minutes, 60, 'h', 1, 'min')
  return pair(Math.round(ms / HOUR), 24, 'd', 1, 'h')
}

const pair = (amount: number, largeSize: number, large: string, smallSize: number, small: string): string => {
  const rest = Math.floor((amount % largeSize) / smallSize)
  return `${Math.floor(amount / largeSize)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`
}

export const bytes = (value: number): string => {
  const mebibytes = value / 1_048_576
  if (mebibytes < 1) return `${Math.round(value / 1_024)} KB`
  return mebibytes < 1_000 ? `${mebibytes.toFixed(mebibytes < 10 ? 1 : 0)} MB` : `${(mebibytes / 1_024).toFixed(1)} GB`
}
