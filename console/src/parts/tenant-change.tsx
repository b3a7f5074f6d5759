/**
 * The form that changes a tenant. It holds only what was touched: the rest follows what the tenant is, also when somebody else changes it, and
 * only what differs is sent.
 */
import { useSignal } from '@preact/signals'
import type { Problem, TenantView } from '../../../src/api/contract.ts'
import { patch } from '../data/api.ts'
import { tenants } from '../data/fleet.ts'
import { changeCommandsOf, changeOf, draftOf, type TenantDraft, tenantProblems } from '../lib/tenant-form.ts'
import { Command } from './copy.tsx'
import { ProblemNote } from './empty.tsx'
import { idOf, isTenantField, TenantFields } from './tenant-fields.tsx'
import { toast } from './toasts.tsx'

const NO_NAMES: ReadonlySet<string> = new Set()

export const ChangeTenant = ({ tenant }: { readonly tenant: TenantView }) => {
  const touched = useSignal<Partial<TenantDraft>>({})
  const refused = useSignal<Problem | undefined>(undefined)
  const isSending = useSignal(false)
  const draft: TenantDraft = { ...draftOf(tenant), ...touched.value }
  const own = tenantProblems(draft, NO_NAMES)
  const wrong = Object.keys(own)[0]
  const change = wrong === undefined ? changeOf(draft, tenant) : undefined
  const theirs = refused.value
  const problems = { ...own, ...(theirs?.field === undefined ? {} : { [theirs.field]: theirs.detail }) }

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (wrong !== undefined) return document.getElementById(idOf(wrong))?.focus()
    if (change === undefined) return
    isSending.value = true
    const answer = await patch<TenantView>(`/tenants/${encodeURIComponent(tenant.id)}`, change)
    isSending.value = false
    if (!answer.ok) {
      refused.value = answer.problem
      return
    }
    touched.value = {}
    tenants.put(tenant.id, answer.value)
    tenants.settle()
    toast(`${tenant.id} is changed. Agents that run are not touched.`)
  }
  return (
    <section class="section" aria-labelledby="change-title">
      <header>
        <h2 id="change-title">How it shares</h2>
      </header>
      <form class="form" noValidate onSubmit={event => void submit(event)}>
        <TenantFields
          draft={draft}
          problems={problems}
          onChange={(changes, field) => {
            touched.value = { ...touched.value, ...changes }
            if (refused.value?.field === field || refused.value?.field === undefined) refused.value = undefined
          }}
        />
        {theirs && !isTenantField(theirs) && <ProblemNote problem={theirs} />}
        <div class="buttons">
          <button type="submit" class="button is-main" disabled={isSending.value || (wrong === undefined && change === undefined)}>
            Save
          </button>
          <button
            type="button"
            class="button is-quiet"
            disabled={Object.keys(touched.value).length === 0}
            onClick={() => {
              touched.value = {}
              refused.value = undefined
            }}
          >
            As it was
          </button>
        </div>
        {change && (
          <div class="field">
            <span class="hint">The same on the command line:</span>
            {changeCommandsOf(tenant.id, change).map(line => (
              <Command key={line} line={line} />
            ))}
          </div>
        )}
      </form>
    </section>
  )
}
