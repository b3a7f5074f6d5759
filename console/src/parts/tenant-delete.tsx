/** Deleting a tenant asks twice. It loses nothing but its settings: one that still has something is refused, and that is named. */
import { useSignal } from '@preact/signals'
import { remove } from '../data/api.ts'
import { tenants } from '../data/fleet.ts'
import { navigate } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { toast } from './toasts.tsx'

export const DeleteTenant = ({ name }: { readonly name: string }) => {
  const isAsked = useSignal(false)
  const isSending = useSignal(false)
  const act = async (): Promise<void> => {
    isSending.value = true
    const answer = await remove(`/tenants/${encodeURIComponent(name)}`)
    isSending.value = false
    isAsked.value = false
    if (!answer.ok) return toast(answer.problem.detail, true)
    tenants.put(name, null)
    tenants.settle()
    toast(`Tenant ${name} is deleted.`)
    navigate(pathOf.tenants)
  }
  return (
    <div class="buttons">
      {isAsked.value ? (
        <>
          <button type="button" class="button is-danger is-main" disabled={isSending.value} onClick={() => void act()}>
            Delete {name}
          </button>
          <button type="button" class="button" onClick={() => (isAsked.value = false)}>
            Keep it
          </button>
        </>
      ) : (
        <button type="button" class="button is-danger" onClick={() => (isAsked.value = true)}>
          Delete
        </button>
      )}
    </div>
  )
}
