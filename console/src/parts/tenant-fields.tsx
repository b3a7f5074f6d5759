/** The fields of a tenant, for the form that makes one and the form that changes one. */
import type { Problem } from '../../../src/api/contract.ts'
import type { TenantDraft, TextField } from '../lib/tenant-form.ts'
import { Field } from './field.tsx'

type TenantFieldsProps = {
  readonly draft: TenantDraft
  readonly problems: Readonly<Record<string, string>>
  readonly onChange: (change: Partial<TenantDraft>, field: string) => void
  readonly hasName?: boolean
}

export const idOf = (field: string): string => `tenant-${field.replace('.', '-')}`

/** What the server refused stands at its field; what has none here stands below the form. */
export const isTenantField = (problem: Problem): boolean =>
  problem.field !== undefined && document.getElementById(idOf(problem.field)) !== null

export const TenantFields = ({ draft, problems, onChange, hasName = false }: TenantFieldsProps) => {
  const text = (field: TextField, label: string, hint: string, placeholder: string) => (
    <Field id={idOf(field)} label={label} hint={hint} problem={problems[field]}>
      <input
        id={idOf(field)}
        class={field === 'name' ? 'mono' : ''}
        autocomplete="off"
        spellcheck={false}
        placeholder={placeholder}
        value={draft[field]}
        aria-invalid={problems[field] !== undefined}
        aria-describedby={`${idOf(field)}-hint`}
        onInput={event => onChange({ [field]: event.currentTarget.value }, field)}
      />
    </Field>
  )
  return (
    <>
      {hasName && text('name', 'Name', '1 to 40 lower case letters, digits and hyphens.', 'payments')}
      <div class="is-short">
        {text('weight', 'Weight', 'Its share where not all can have what they want, relative to the others.', '1')}
      </div>
      <fieldset>
        <legend>Quota</legend>
        <p class="hint">The most that its agents may use at a time, over all its controllers. Empty is no cap.</p>
        <div class="pair">
          {text('quota.cpu', 'Cores, at most', '', 'no cap')}
          {text('quota.memoryMb', 'Memory, at most', '', 'no cap')}
          {text('quota.diskMb', 'Disk, at most', '', 'no cap')}
        </div>
      </fieldset>
      <fieldset>
        <legend>Guarantee</legend>
        <p class="hint">What its agents get before others get more than theirs. While it is not wanted, others may use it.</p>
        <div class="pair">
          {text('guarantee.cpu', 'Cores, guaranteed', '', 'none')}
          {text('guarantee.memoryMb', 'Memory, guaranteed', '', 'none')}
          {text('guarantee.diskMb', 'Disk, guaranteed', '', 'none')}
        </div>
      </fieldset>
      <label class="check">
        <input
          id={idOf('policy')}
          type="checkbox"
          checked={draft.preemptible}
          onChange={event => onChange({ preemptible: event.currentTarget.checked }, 'policy')}
        />
        Its agents may be stopped for controllers, and for others that have less than their guarantee
      </label>
    </>
  )
}
