/** The address bar as signals: the path, the query, and plain links that change them without loading a page. */
import { computed, signal } from '@preact/signals'
import { routeOf } from './routes.ts'

const path = signal(location.pathname)
const search = signal(location.search)

export const route = computed(() => routeOf(path.value))
export const query = computed(() => new URLSearchParams(search.value))

const read = (): void => {
  path.value = location.pathname
  search.value = location.search
}

export const navigate = (to: string): void => {
  history.pushState(null, '', to)
  read()
  scrollTo(0, 0)
}

/** Sets or (with an empty value) removes parts of the query. Typing into a filter must not fill the history, so it replaces. */
export const setQuery = (changes: Readonly<Record<string, string>>): void => {
  const next = new URLSearchParams(location.search)
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') next.delete(name)
    else next.set(name, value)
  }
  const text = next.toString()
  history.replaceState(null, '', text === '' ? location.pathname : `${location.pathname}?${text}`)
  read()
}

const isPlainClick = (event: MouseEvent): boolean =>
  event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey && !event.defaultPrevented

/** Takes clicks on links of our own; everything else stays the browser's. */
export const startHistory = (): void => {
  addEventListener('popstate', read)
  document.addEventListener('click', event => {
    if (!isPlainClick(event) || !(event.target instanceof Element)) return
    const link = event.target.closest('a')
    if (link?.target !== '' || link.origin !== location.origin || link.hasAttribute('download')) return
    event.preventDefault()
    if (link.href !== location.href) navigate(link.pathname + link.search)
  })
}
