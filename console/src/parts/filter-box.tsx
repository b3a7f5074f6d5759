/** The filter of a page: `/` puts the cursor there, Escape empties it, and what it holds is in the address. */
import { useEffect, useRef } from 'preact/hooks'
import { query, setQuery } from '../lib/history.ts'

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))

export const FilterBox = ({ label, placeholder }: { readonly label: string; readonly placeholder: string }) => {
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      event.preventDefault()
      input.current?.focus()
      input.current?.select()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  return (
    <div class="field-box">
      <input
        ref={input}
        type="search"
        aria-label={label}
        aria-keyshortcuts="/"
        placeholder={placeholder}
        autocomplete="off"
        spellcheck={false}
        value={query.value.get('q') ?? ''}
        onInput={event => setQuery({ q: event.currentTarget.value })}
        onKeyDown={event => {
          if (event.key === 'Escape') setQuery({ q: '' })
        }}
      />
      <span class="key-hint" aria-hidden="true">
        /
      </span>
    </div>
  )
}
