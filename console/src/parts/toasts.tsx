/** Short news for a person who just did something. Announced politely; bad news stays until it is closed. */
import { signal } from '@preact/signals'
import { after } from '../lib/clock.ts'

type Toast = { readonly id: number; readonly text: string; readonly isBad: boolean }

const GOOD_NEWS_MS = 5_000
const MAX_TOASTS = 3

const toasts = signal<readonly Toast[]>([])
let lastToast = 0

const dismiss = (id: number): void => {
  toasts.value = toasts.value.filter(toast => toast.id !== id)
}

export const toast = (text: string, isBad = false): void => {
  const id = ++lastToast
  toasts.value = [...toasts.value, { id, text, isBad }].slice(-MAX_TOASTS)
  if (!isBad) after(GOOD_NEWS_MS, () => dismiss(id))
}

export const Toasts = () => (
  <div class="toasts" aria-live="polite">
    {toasts.value.map(({ id, text, isBad }) => (
      <div key={id} class={`toast${isBad ? ' is-bad' : ''}`}>
        <p>{text}</p>
        <button type="button" class="button is-quiet is-small" onClick={() => dismiss(id)}>
          Close
        </button>
      </div>
    ))}
  </div>
)
