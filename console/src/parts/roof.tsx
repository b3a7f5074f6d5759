/** The band over every page: the sections with their tallies, the palette, a new controller, the theme, whether what one sees is live. */
import { useEffect, useRef } from 'preact/hooks'
import { signedOut } from '../data/api.ts'
import { connection } from '../data/connection.ts'
import { agents, controllers, hosts, waiting } from '../data/fleet.ts'
import { formatCount } from '../lib/format.ts'
import { pathOf, type Route } from '../lib/routes.ts'
import { nextTheme, theme } from '../lib/theme.ts'
import { openPalette } from './palette.tsx'

type Section = { readonly path: string; readonly title: string; readonly pages: readonly Route['page'][]; readonly tally?: () => number }

const SECTIONS: readonly Section[] = [
  { path: pathOf.wall, title: 'Wall', pages: ['wall', 'controller', 'new-controller'], tally: () => controllers.ids.value.length },
  { path: pathOf.queue, title: 'Queue', pages: ['queue', 'queue-item'], tally: () => waiting.value.length },
  {
    path: pathOf.agents,
    title: 'Agents',
    pages: ['agents', 'agent'],
    tally: () => agents.all.value.reduce((count, { phase }) => count + (phase === 'ended' ? 0 : 1), 0),
  },
  { path: pathOf.hosts, title: 'Hosts', pages: ['hosts'], tally: () => hosts.ids.value.length },
  { path: pathOf.events, title: 'Events', pages: ['events'] },
  { path: pathOf.tenants, title: 'Tenants', pages: ['tenants', 'tenant', 'new-tenant'] },
  { path: pathOf.templates, title: 'Templates', pages: ['templates'] },
]

export const Roof = ({ shown }: { readonly shown: Route }) => {
  const nav = useRef<HTMLElement>(null)
  // On a phone the sections scroll sideways: the current one is brought into view, again once the tallies have made them wider.
  const isLoaded = connection.value.state !== 'loading'
  useEffect(() => nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [shown, isLoaded])
  return (
    <header class="roof">
      <a class="wordmark" href={pathOf.wall}>
        <Mark />
        Manor
      </a>
      <nav ref={nav} class="nav" aria-label="Main">
        {SECTIONS.map(section => (
          <a key={section.path} href={section.path} {...(section.pages.includes(shown.page) ? { 'aria-current': 'page' as const } : {})}>
            {section.title}
            {section.tally && <Tally count={section.tally} />}
          </a>
        ))}
      </nav>
      <div class="roof-tools">
        <button type="button" class="roof-button" aria-label="Go to a controller, page or action" onClick={openPalette}>
          <svg width="14" height="14" viewBox="0 0 14 14" fill="none" stroke="currentColor" stroke-width="1.5" aria-hidden="true">
            <circle cx="6" cy="6" r="4.2" />
            <path d="m9.2 9.2 3.6 3.6" />
          </svg>
          <span class="long">Go to</span> <kbd>Ctrl K</kbd>
        </button>
        <a class="roof-button" href={pathOf.newController} aria-label="New controller">
          New
        </a>
        <button
          type="button"
          class="roof-button"
          aria-label={`Theme: ${theme.value}. Change it`}
          title={`Theme: ${theme.value}`}
          onClick={nextTheme}
        >
          <ThemeMark />
        </button>
        <ConnectionState />
      </div>
    </header>
  )
}

const Tally = ({ count }: { readonly count: () => number }) => {
  const value = count()
  return value > 0 ? <span class="tally">{formatCount(value)}</span> : null
}

const Mark = () => (
  <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
    <path fill="none" stroke="currentColor" stroke-width="1.600" d="M2 20V9l9-7 9 7v11z" />
    <path fill="#6fc7b4" d="M6 10h4v4H6zM6 16h4v4H6zM12 16h4v4h-4z" />
    <path fill="#ffe7a3" d="M12 10h4v4h-4z" />
  </svg>
)

/** A disc: half filled for the system's choice, empty for light, full for dark. */
const ThemeMark = () => (
  <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
    <circle cx="7" cy="7" r="5.500" fill={theme.value === 'dark' ? 'currentColor' : 'none'} stroke="currentColor" stroke-width="1.500" />
    {theme.value === 'system' && <path fill="currentColor" d="M7 1.500a5.500 5.500 0 0 1 0 11z" />}
  </svg>
)

const ConnectionState = () => {
  const isLive = connection.value.state === 'live' && !signedOut.value
  return (
    <span class={`link-state${isLive ? ' is-live' : ''}`} title={isLive ? 'Changes show as they happen' : 'Not connected'}>
      <span class="long">{isLive ? 'live' : 'not live'}</span>
    </span>
  )
}
