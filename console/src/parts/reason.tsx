import type { ControllerView } from '../../../src/api/contract.ts'
import { Ago } from './time.tsx'

type Reason = NonNullable<ControllerView['reason']>

/** Why it waits or failed, since when, and what would mend it. */
export const ReasonNote = ({ reason, isBad }: { readonly reason: Reason; readonly isBad: boolean }) => (
  <div class={`callout ${isBad ? 'is-bad' : 'is-waiting'}`}>
    <strong>{reason.message}</strong>
    {reason.mend && <p>{reason.mend}</p>}
    <p class="faint">
      <code>{reason.code}</code>, <Ago at={reason.since} />
    </p>
  </div>
)
