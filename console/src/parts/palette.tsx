/** Ctrl-K: go anywhere, or run an action that is legal now, without leaving the keyboard. */
import { signal, useComputed, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { ACTION_LABEL, act } from '../data/actions.ts'
import { signOut } from '../data/api.ts'
import { controllers, may, tenants } from '../data/fleet.ts'
import { navigate } from '../lib/history.ts'
import { matchPalette, type PaletteEntry } from '../lib/palette-match.ts'
import { pathOf } from '../lib/routes.ts'
import { askToDelete } from './delete-dialog.tsx'
import { Glyph } from './glyph.tsx'

type Entry = PaletteEntry & { readonly mark?: ComponentChildren; readonly run: () => void }

const isOpen = signal(false)
export const openPalette = (): void => {
  isOpen.value = true
}

/** Listens for Ctrl-K and Command-K. */
export const startPalette = (): void =>
  addEventListener('keydown', event => {
    if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return
    event.preventDefault()
    isOpen.value = !isOpen.value
  })

const page = (title: string, path: string): Entry => ({
  key: path,
  title,
  hint: 'page',
  haystack: title.toLowerCase(),
  run: () => navigate(path),
})

const PAGES: readonly Entry[] = [
  page('Controllers', pathOf.wall),
  page('Queue', pathOf.queue),
  page('Agents', pathOf.agents),
  page('Hosts', pathOf.hosts),
  page('Events', pathOf.events),
  page('Tenants', pathOf.tenants),
  page('Templates', pathOf.templates),
  page('New controller', pathOf.newController),
  page('New tenant', pathOf.newTenant),
  { key: 'sign-out', title: 'Sign out', hint: 'this browser', haystack: 'sign out log out', run: () => void signOut() },
]

/** Actions join in only once an action's first letters are typed: else each controller would fill the list four times. */
const entriesFor = (typed: string): readonly Entry[] => {
  const first = typed.trim().toLowerCase().split(/\s+/)[0] ?? ''
  const wantsActions = first.length >= 2 && may('controller:write')
  const ofControllers = controllers.all.value.flatMap(({ id, tenant, phase, running, actions }): Entry[] => [
    {
      key: id,
      title: id,
      hint: `${tenant}, ${phase}`,
      haystack: `${id} ${tenant}`,
      mark: <Glyph phase={phase} running={running} />,
      run: () => navigate(pathOf.controller(id)),
    },
    ...(wantsActions ? actions : [])
      .filter(action => action.startsWith(first))
      .map(action => ({
        key: `${action} ${id}`,
        title: `${ACTION_LABEL[action]} ${id}`,
        hint: 'action',
        haystack: `${action} ${id}`,
        mark: <Glyph phase={phase} running={running} />,
        run: () => (action === 'delete' ? askToDelete(id) : void act(id, action)),
      })),
  ])
  const ofTenants = tenants.all.value.map(
    ({ id }): Entry => ({
      key: `tenant ${id}`,
      title: id,
      hint: 'tenant',
      haystack: `${id} tenant`,
      run: () => navigate(pathOf.tenant(id)),
    }),
  )
  return [...PAGES, ...ofControllers, ...ofTenants]
}

export const Palette = () => (isOpen.value ? <OpenPalette /> : null)

const OpenPalette = () => {
  const dialog = useRef<HTMLDialogElement>(null)
  const typed = useSignal('')
  const selected = useSignal(0)
  const found = useComputed(() => matchPalette(entriesFor(typed.value), typed.value))
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const close = (): void => {
    isOpen.value = false
  }
  const run = (entry: Entry | undefined): void => {
    if (!entry) return
    close()
    entry.run()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const last = found.value.length - 1
    if (event.key === 'ArrowDown') selected.value = Math.min(last, selected.value + 1)
    else if (event.key === 'ArrowUp') selected.value = Math.max(0, selected.value - 1)
    else if (event.key === 'Enter') run(found.value[selected.value])
    else return
    event.preventDefault()
  }
  const current = found.value[selected.value]
  return (
    <dialog
      ref={dialog}
      class="palette"
      aria-label="Go to"
      onClose={close}
      onPointerDown={event => event.target === dialog.current && close()}
    >
      <input
        role="combobox"
        aria-label="Controller, page or action"
        aria-expanded="true"
        aria-controls="palette-list"
        {...(current ? { 'aria-activedescendant': `palette-${selected.value}` } : {})}
        placeholder="Controller, page, or action: stop team-a"
        autocomplete="off"
        spellcheck={false}
        value={typed.value}
        onInput={event => {
          typed.value = event.currentTarget.value
          selected.value = 0
        }}
        onKeyDown={onKeyDown}
      />
      <div id="palette-list" class="palette-list" role="listbox" aria-label="Matches" tabIndex={-1}>
        {found.value.map((entry, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox above has the focus and the keys.
          <div
            key={entry.key}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === selected.value}
            tabIndex={-1}
            onClick={() => run(entry)}
          >
            {entry.mark}
            <span class="clip">{entry.title}</span>
            <span class="soft">{entry.hint}</span>
          </div>
        ))}
      </div>
      {found.value.length === 0 && (
        <div class="empty">
          <p>
            Nothing is called that. Names of controllers and tenants, pages, and start, stop, restart or delete with a name are found here.
          </p>
        </div>
      )}
      <footer>
        <span>
          <kbd>↑</kbd> <kbd>↓</kbd> choose
        </span>
        <span>
          <kbd>Enter</kbd> go
        </span>
        <span>
          <kbd>Esc</kbd> close
        </span>
      </footer>
    </dialog>
  )
}
