/** The buttons that take a host out of service and back, and the form that says what it is for. */
import { useSignal } from '@preact/signals'
import type { HostActionRequest, HostChange, HostView, Problem } from '../../../src/api/contract.ts'
import { type Answer, patch, post } from '../data/api.ts'
import { hosts, tenants } from '../data/fleet.ts'
import { Command } from './copy.tsx'
import { ProblemNote } from './empty.tsx'
import { Field } from './field.tsx'
import { toast } from './toasts.tsx'

const MS_PER_MINUTE = 60_000

const DONE: Readonly<Record<HostActionRequest['action'], string>> = {
  cordon: 'takes nothing new; what runs there goes on.',
  uncordon: 'takes work again.',
  drain: 'is being emptied.',
}

/** Shows what the server answered without waiting for the stream to tell it. */
const taken = (answer: Answer<HostView>, words: (host: HostView) => string): Problem | undefined => {
  if (!answer.ok) return answer.problem
  hosts.put(answer.value.id, answer.value)
  hosts.settle()
  toast(words(answer.value))
  return undefined
}

export const HostService = ({ host }: { readonly host: HostView }) => {
  const minutes = useSignal('')
  const problem = useSignal<Problem | undefined>(undefined)
  const isOut = host.state !== 'ready'
  const deadline = minutes.value.trim() === '' ? undefined : Number(minutes.value)
  const isWrong = deadline !== undefined && !(deadline >= 0)
  const act = async (request: HostActionRequest): Promise<void> => {
    const answer = await post<HostView>(`/hosts/${encodeURIComponent(host.id)}/actions`, request)
    problem.value = taken(answer, ({ id }) => `${id} ${DONE[request.action]}`)
  }
  const drain = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (isWrong) return document.getElementById('host-deadline')?.focus()
    await act({ action: 'drain', ...(deadline === undefined ? {} : { deadlineMs: deadline * MS_PER_MINUTE }) })
  }
  return (
    <section class="section" aria-labelledby="service-title">
      <header>
        <h2 id="service-title">In and out of service</h2>
      </header>
      <form class="form" noValidate onSubmit={event => void drain(event)}>
        <div class="is-short">
          <Field
            id="host-deadline"
            label="Deadline of a drain, in minutes"
            hint="After it, builds that still run are ended, and controllers stop even if they have nowhere to go. Empty: as long as it takes."
            problem={isWrong ? `"${minutes.value}" is no number of minutes: give one such as 30, or nothing.` : undefined}
          >
            <input
              id="host-deadline"
              inputMode="numeric"
              autocomplete="off"
              placeholder="none"
              value={minutes.value}
              aria-invalid={isWrong}
              aria-describedby="host-deadline-hint"
              onInput={event => {
                minutes.value = event.currentTarget.value
              }}
            />
          </Field>
        </div>
        <div class="buttons">
          <button type="submit" class="button">
            Drain
          </button>
          <button type="button" class="button" disabled={host.state === 'cordoned'} onClick={() => void act({ action: 'cordon' })}>
            Cordon
          </button>
          <button type="button" class="button is-main" disabled={!isOut} onClick={() => void act({ action: 'uncordon' })}>
            Put back
          </button>
        </div>
        {problem.value && <ProblemNote problem={problem.value} />}
        <div class="field">
          <span class="hint">The same on the command line:</span>
          <Command line={`./manor host drain ${host.id}${deadline === undefined || isWrong ? '' : ` --deadline ${deadline}m`}`} />
        </div>
      </form>
    </section>
  )
}

/** Everyone's. No tenant can be called so. */
const ALL = ''

export const HostPurpose = ({ host }: { readonly host: HostView }) => {
  const problem = useSignal<Problem | undefined>(undefined)
  const change = async (body: HostChange): Promise<void> => {
    const answer = await patch<HostView>(`/hosts/${encodeURIComponent(host.id)}`, body)
    problem.value = taken(answer, ({ id }) => `${id} is changed. What runs there goes on.`)
  }
  return (
    <section class="section" aria-labelledby="purpose-title">
      <header>
        <h2 id="purpose-title">What it is for</h2>
      </header>
      <div class="form">
        <div class="pair">
          <Field id="host-role" label="Takes" hint="" problem={undefined}>
            <select
              id="host-role"
              value={host.role}
              onChange={event => void change({ role: event.currentTarget.value as HostView['role'] })}
            >
              <option value="any">controllers and builds</option>
              <option value="controllers">controllers alone</option>
              <option value="builds">builds alone</option>
            </select>
          </Field>
          <Field id="host-tenant" label="Of" hint="" problem={undefined}>
            <select
              id="host-tenant"
              value={host.reservedFor ?? ALL}
              onChange={event => void change({ reservedFor: event.currentTarget.value === ALL ? null : event.currentTarget.value })}
            >
              <option value={ALL}>all tenants</option>
              {tenants.all.value.map(({ id }) => (
                <option key={id} value={id}>
                  {id} alone
                </option>
              ))}
            </select>
          </Field>
        </div>
        {problem.value && <ProblemNote problem={problem.value} />}
      </div>
    </section>
  )
}
