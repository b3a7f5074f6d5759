/** A form for a new controller. The name is checked with the server's own rule while it is typed; what else the server refuses stands at its field. */
import { useComputed, useSignal } from '@preact/signals'
import type { ControllerView, Problem } from '../../../src/api/contract.ts'
import { post } from '../data/api.ts'
import { controllers, may, tenants } from '../data/fleet.ts'
import { navigate, query } from '../lib/history.ts'
import { commandOf, type Draft, draftProblems, EMPTY_DRAFT, requestOf } from '../lib/new-controller.ts'
import { pathOf } from '../lib/routes.ts'
import { Command } from '../parts/copy.tsx'
import { Empty, ProblemNote } from '../parts/empty.tsx'
import { Field } from '../parts/field.tsx'

export const NewControllerPage = () => {
  const draft = useSignal<Draft>({ ...EMPTY_DRAFT, name: query.peek().get('name') ?? '' })
  const touched = useSignal<ReadonlySet<string>>(new Set(draft.peek().name === '' ? [] : ['name']))
  const refused = useSignal<Problem | undefined>(undefined)
  const isSending = useSignal(false)
  const problems = useComputed(() => draftProblems(draft.value, new Set(controllers.ids.value)))

  if (!may('controller:write'))
    return (
      <div class="page centered">
        <Empty isPage title="Your role may not create controllers">
          <p>Ask an operator for a token with the role developer or more.</p>
        </Empty>
      </div>
    )

  /** A field's problem is shown once it was left or sent, and at once for the name when it is wrong in itself. */
  const problemOf = (field: string): string | undefined => {
    if (refused.value?.field === field) return refused.value.detail
    return touched.value.has(field) ? problems.value[field] : undefined
  }
  const change = (changes: Partial<Draft>, field: string): void => {
    draft.value = { ...draft.value, ...changes }
    if (refused.value?.field === field) refused.value = undefined
    if (field === 'name' && draft.value.name !== '') touch(field)
  }
  const touch = (field: string): void => {
    if (!touched.value.has(field)) touched.value = new Set([...touched.value, field])
  }
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    touched.value = new Set(['name', 'memoryMb', 'diskMb', 'cpu'])
    const first = Object.keys(problems.value)[0]
    if (first !== undefined) return document.getElementById(`new-${first}`)?.focus()
    isSending.value = true
    const answer = await post<ControllerView>('/controllers', requestOf(draft.value))
    isSending.value = false
    if (!answer.ok) {
      refused.value = answer.problem
      if (answer.problem.field !== undefined) document.getElementById(`new-${answer.problem.field}`)?.focus()
      return
    }
    controllers.put(answer.value.id, answer.value)
    controllers.settle()
    navigate(pathOf.controller(answer.value.id))
  }
  const text = (field: string, key: 'name' | 'memory' | 'cpu' | 'disk' | 'version', label: string, hint: string, placeholder: string) => (
    <Field id={`new-${field}`} label={label} hint={hint} problem={problemOf(field)}>
      <input
        id={`new-${field}`}
        class={key === 'name' ? 'mono' : ''}
        autocomplete="off"
        spellcheck={false}
        placeholder={placeholder}
        value={draft.value[key]}
        aria-invalid={problemOf(field) !== undefined}
        aria-describedby={`new-${field}-hint`}
        onInput={event => change({ [key]: event.currentTarget.value }, field)}
        onBlur={() => draft.value[key] !== '' && touch(field)}
      />
    </Field>
  )
  const isShownAtField =
    refused.value?.field !== undefined &&
    ['name', 'tenant', 'memoryMb', 'cpu', 'diskMb', 'version', 'distribution'].includes(refused.value.field)
  return (
    <div class="page is-narrow">
      <h1>New controller</h1>
      <form class="form" noValidate onSubmit={event => void submit(event)}>
        {text('name', 'name', 'Name', 'Becomes its address: 1 to 40 lower case letters, digits and hyphens.', 'team-a')}
        <Field
          id="new-tenant"
          label="Tenant"
          hint="The team that owns it; its agents count against that team's quota."
          problem={problemOf('tenant')}
        >
          <select
            id="new-tenant"
            aria-describedby="new-tenant-hint"
            value={draft.value.tenant}
            onChange={event => change({ tenant: event.currentTarget.value }, 'tenant')}
          >
            {[...new Set(['default', ...tenants.ids.value])].map(tenant => (
              <option key={tenant} value={tenant}>
                {tenant}
              </option>
            ))}
          </select>
        </Field>
        <div class="pair">
          {text('memoryMb', 'memory', 'Memory', 'Hard limit of all its processes.', '3g')}
          {text('cpu', 'cpu', 'Cores', 'A share under contention.', '1')}
          {text('diskMb', 'disk', 'Disk', 'Room for its home.', '50g')}
        </div>
        <div class="pair">
          <Field id="new-distribution" label="Distribution" hint="Where its program comes from." problem={problemOf('distribution')}>
            <select
              id="new-distribution"
              aria-describedby="new-distribution-hint"
              value={draft.value.distribution}
              onChange={event => {
                const { value } = event.currentTarget
                change({ distribution: value === 'jenkins' || value === 'hudson' ? value : '' }, 'distribution')
              }}
            >
              <option value="">as Manor decided</option>
              <option value="jenkins">jenkins</option>
              <option value="hudson">hudson</option>
            </select>
          </Field>
          {text('version', 'version', 'Version', 'A line or a version; empty takes the newest that fits.', 'newest')}
        </div>
        {refused.value && !isShownAtField && <ProblemNote problem={refused.value} />}
        <div class="buttons">
          <button type="submit" class="button is-main" disabled={isSending.value}>
            Create {draft.value.name}
          </button>
          <a class="button is-quiet" href={pathOf.wall}>
            Back to the wall
          </a>
        </div>
        <div class="field">
          <span class="hint">The same on the command line:</span>
          <Command line={commandOf(draft.value)} />
        </div>
      </form>
    </div>
  )
}
