/** Times that tick: each is one text node bound to a signal, so that a second's tick renders no component. */
import { useComputed } from '@preact/signals'
import { now } from '../lib/clock.ts'
import { formatAge, formatClockTime, formatDuration, formatFullTime } from '../lib/format.ts'

type Moment = { readonly at: number }

/** `3 min ago`; the full time is its tooltip. */
export const Ago = ({ at }: Moment) => {
  const text = useComputed(() => {
    const age = formatAge(now.value - at)
    return age === 'now' ? 'just now' : `${age} ago`
  })
  return <TimeElement at={at}>{text}</TimeElement>
}

/** `3 min`, for columns whose head says what it is. */
export const Age = ({ at }: Moment) => <TimeElement at={at}>{useComputed(() => formatAge(now.value - at))}</TimeElement>

/** `3 min 5 s`, counting. */
export const Elapsed = ({ from, until }: { readonly from: number; readonly until?: number | undefined }) => (
  <>{useComputed(() => formatDuration((until ?? now.value) - from))}</>
)

/** Counts down to a moment that is still to come. */
export const Until = ({ at }: Moment) => (
  <TimeElement at={at}>{useComputed(() => (at > now.value ? `in ${formatDuration(at - now.value)}` : 'now'))}</TimeElement>
)

export const ClockTime = ({ at }: Moment) => <TimeElement at={at}>{formatClockTime(at)}</TimeElement>

const TimeElement = ({ at, children }: Moment & { readonly children: unknown }) => (
  <time dateTime={new Date(at).toISOString()} title={formatFullTime(at)}>
    {/* A signal as a child is updated in place. */}
    {children as string}
  </time>
)
