/** A form for a new tenant. */
import { useComputed, useSignal } from '@preact/signals'
import type { Problem, TenantView } from '../../../src/api/contract.ts'
import { post } from '../data/api.ts'
import { may, tenants } from '../data/fleet.ts'
import { navigate, query } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { createCommandOf, EMPTY_TENANT, newTenantOf, type TenantDraft, tenantProblems } from '../lib/tenant-form.ts'
import { Command } from '../parts/copy.tsx'
import { Empty, ProblemNote } from '../parts/empty.tsx'
import { idOf, isTenantField, TenantFields } from '../parts/tenant-fields.tsx'

export const NewTenantPage = () => {
  const draft = useSignal<TenantDraft>({ ...EMPTY_TENANT, name: query.peek().get('name') ?? '' })
  const touched = useSignal<ReadonlySet<string>>(new Set())
  const refused = useSignal<Problem | undefined>(undefined)
  const isSending = useSignal(false)
  const problems = useComputed(() => tenantProblems(draft.value, new Set(tenants.ids.value)))

  if (!may('tenant:write'))
    return (
      <div class="page centered">
        <Empty isPage title="Your role may not create tenants">
          <p>How the hosts are shared is for operators and administrators to say. Ask one of them.</p>
        </Empty>
      </div>
    )

  const shown = (): Readonly<Record<string, string>> => {
    const own = Object.entries(problems.value).filter(([field]) => touched.value.has(field))
    const theirs = refused.value
    return { ...Object.fromEntries(own), ...(theirs?.field === undefined ? {} : { [theirs.field]: theirs.detail }) }
  }
  const change = (changes: Partial<TenantDraft>, field: string): void => {
    draft.value = { ...draft.value, ...changes }
    if (refused.value?.field === field) refused.value = undefined
    touched.value = new Set([...touched.value, field])
  }
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    touched.value = new Set(Object.keys(EMPTY_TENANT))
    const first = Object.keys(problems.value)[0]
    if (first !== undefined) return document.getElementById(idOf(first))?.focus()
    isSending.value = true
    const answer = await post<TenantView>('/tenants', newTenantOf(draft.value))
    isSending.value = false
    if (!answer.ok) {
      refused.value = answer.problem
      if (answer.problem.field !== undefined) document.getElementById(idOf(answer.problem.field))?.focus()
      return
    }
    tenants.put(answer.value.id, answer.value)
    tenants.settle()
    navigate(pathOf.tenant(answer.value.id))
  }
  return (
    <div class="page is-narrow">
      <h1>New tenant</h1>
      <form class="form" noValidate onSubmit={event => void submit(event)}>
        <TenantFields hasName draft={draft.value} problems={shown()} onChange={change} />
        {refused.value && !isTenantField(refused.value) && <ProblemNote problem={refused.value} />}
        <div class="buttons">
          <button type="submit" class="button is-main" disabled={isSending.value}>
            Create {draft.value.name}
          </button>
          <a class="button is-quiet" href={pathOf.tenants}>
            Back to the tenants
          </a>
        </div>
        <div class="field">
          <span class="hint">The same on the command line:</span>
          <Command line={createCommandOf(draft.value)} />
        </div>
      </form>
    </div>
  )
}
