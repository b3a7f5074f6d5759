/** Deleting takes the name typed: it is the one action that nothing takes back. */
import { signal, useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { act } from '../data/actions.ts'

/** The controller that is asked about, from wherever it was chosen. */
const asked = signal<string | undefined>(undefined)
export const askToDelete = (name: string): void => {
  asked.value = name
}

export const DeleteDialog = () => (asked.value === undefined ? null : <AskDelete key={asked.value} name={asked.value} />)

const AskDelete = ({ name }: { readonly name: string }) => {
  const dialog = useRef<HTMLDialogElement>(null)
  const typed = useSignal('')
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const close = (): void => {
    asked.value = undefined
  }
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (typed.value !== name) return
    close()
    await act(name, 'delete')
  }
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="delete-title">
      <form class="dialog-body" onSubmit={event => void submit(event)}>
        <h2 id="delete-title">Delete {name}?</h2>
        <p>Its builds are waited for, then it is stopped and its name is free again. This cannot be taken back.</p>
        <div class="field">
          <label for="delete-name">Type its name to go on</label>
          <input
            id="delete-name"
            class="mono"
            autocomplete="off"
            spellcheck={false}
            placeholder={name}
            value={typed.value}
            onInput={event => {
              typed.value = event.currentTarget.value
            }}
          />
        </div>
        <div class="buttons">
          <button type="submit" class="button is-danger is-main" disabled={typed.value !== name}>
            Delete {name}
          </button>
          <button type="button" class="button" onClick={close}>
            Keep it
          </button>
        </div>
      </form>
    </dialog>
  )
}
