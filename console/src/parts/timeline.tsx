/** What happened, in order. */
import type { ComponentChildren } from 'preact'
import { ClockTime } from './time.tsx'

export type Moment = { readonly key: string | number; readonly at: number; readonly message: string; readonly by?: ComponentChildren }

export const Timeline = ({ moments }: { readonly moments: readonly Moment[] }) =>
  moments.length === 0 ? (
    <p class="soft">Nothing so far.</p>
  ) : (
    <ol class="timeline">
      {moments.map(({ key, at, message, by }) => (
        <li key={key}>
          <span class="at">
            <ClockTime at={at} />
          </span>
          <p>
            {message} {by && <span class="by">{by}</span>}
          </p>
        </li>
      ))}
    </ol>
  )
