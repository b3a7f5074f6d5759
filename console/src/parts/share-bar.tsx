/**
 * What a tenant's agents use, what waits behind it, what is guaranteed, and how far it may go, as one bar. The pale track is what it may use:
 * it ends at the quota. What waits beyond it waits for the quota. A bar is decoration for a screen reader; `shareSentence` has the words.
 */
import type { TenantView } from '../../../src/api/contract.ts'
import { percentOf } from '../lib/format.ts'
import { formatAmount, type ResourceName, shareSentence } from '../lib/tenant-shares.ts'

type ShareBarProps = { readonly tenant: TenantView; readonly name: ResourceName; readonly whole: number; readonly isLarge?: boolean }

export const ShareBar = ({ tenant, name, whole, isLarge = false }: ShareBarProps) => {
  const { usedByAgents, waiting, guarantee, quota } = tenant
  const width = (value: number): { width: string } => ({ width: `${percentOf(value, whole)}%` })
  const most = quota?.[name]
  const sure = guarantee?.[name]
  return (
    <div class={`share-bar${isLarge ? ' is-large' : ''}`} aria-hidden="true" title={shareSentence(tenant, name)}>
      <i class="track" style={width(Math.min(most ?? whole, whole))} />
      <span class="lengths">
        {usedByAgents[name] > 0 && <i class="of-agents" style={width(usedByAgents[name])} />}
        {waiting.resources[name] > 0 && <i class="of-waiting" style={width(waiting.resources[name])} />}
      </span>
      {most !== undefined && most <= whole && <i class="end" style={{ left: `${percentOf(most, whole)}%` }} />}
      {sure !== undefined && (
        <i class="sure" title={`Guaranteed: ${formatAmount(name, sure)}`} style={{ left: `${percentOf(sure, whole)}%` }} />
      )}
    </div>
  )
}

export const ShareLegend = () => (
  <p class="legend">
    <span>
      <i class="swatch of-agents" aria-hidden="true" /> its agents use
    </span>
    <span>
      <i class="swatch of-waiting" aria-hidden="true" /> waits for a place
    </span>
    <span>
      <i class="swatch of-sure" aria-hidden="true" /> guaranteed
    </span>
    <span>
      <i class="swatch of-track" aria-hidden="true" /> may use, up to its quota
    </span>
  </p>
)
