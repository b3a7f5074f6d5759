/** Everything worth typing again can be copied. */
import { useSignal } from '@preact/signals'
import { after } from '../lib/clock.ts'

const CONFIRM_MS = 1_500

export const Copy = ({ text, what }: { readonly text: string; readonly what: string }) => {
  const done = useSignal(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text)
    done.value = true
    after(CONFIRM_MS, () => {
      done.value = false
    })
  }
  return (
    <button
      type="button"
      class="copy"
      aria-label={done.value ? `Copied ${what}` : `Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copy()}
    >
      <svg width="14" height="14" viewBox="0 0 14 14" fill="none" stroke="currentColor" stroke-width="1.4" aria-hidden="true">
        {done.value ? <path d="M2 7.500 5.500 11 12 3.500" /> : <path d="M4.500 4.500h8v8h-8zM9.500 4.500v-3h-8v8h3" />}
      </svg>
    </button>
  )
}

/** A command line, ready to copy. */
export const Command = ({ line }: { readonly line: string }) => (
  <span class="command">
    <code>{line}</code>
    <Copy text={line} what="the command" />
  </span>
)
