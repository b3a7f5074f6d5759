/** Shares of a whole as one bar; the same facts stand in its label, so the bar itself is decoration for a screen reader. */
import type { ComponentChildren } from 'preact'
import { percentOf } from '../lib/format.ts'

export type Share = { readonly className: string; readonly value: number; readonly title: string }
type BarProps = {
  readonly total: number
  readonly shares: readonly Share[]
  readonly mark?: { readonly value: number; readonly title: string } | undefined
}

export const Bar = ({ total, shares, mark }: BarProps) => (
  <div class="bar" aria-hidden="true">
    {shares.map(({ className, value, title }) =>
      value > 0 ? <i key={className} class={className} title={title} style={{ width: `${percentOf(value, total)}%` }} /> : null,
    )}
    {mark && mark.value > 0 && <i class="mark" title={mark.title} style={{ left: `${Math.min(99.5, percentOf(mark.value, total))}%` }} />}
  </div>
)

export const Measure = ({
  label,
  value,
  children,
}: {
  readonly label: string
  readonly value: string
  readonly children: ComponentChildren
}) => (
  <div class="measure">
    <div class="label">
      <span>{label}</span>
      <span>{value}</span>
    </div>
    {children}
  </div>
)
