/** The frame around every page, and which page the address shows. */
import { useEffect, useRef } from 'preact/hooks'
import { signedOut } from './data/api.ts'
import { connect, connection } from './data/connection.ts'
import { agents, controllers, hosts, waiting } from './data/fleet.ts'
import { formatCount } from './lib/format.ts'
import { route } from './lib/history.ts'
import { pathOf, type Route, titleOf } from './lib/routes.ts'
import { nextTheme, theme } from './lib/theme.ts'
import { AgentPage, AgentsPage } from './pages/agents.tsx'
import { ControllerPage } from './pages/controller.tsx'
import { EventsPage } from './pages/events.tsx'
import { HostsPage } from './pages/hosts.tsx'
import { NewControllerPage } from './pages/new-controller.tsx'
import { QueueItemPage, QueuePage } from './pages/queue.tsx'
import { TemplatesPage } from './pages/templates.tsx'
import { TenantsPage } from './pages/tenants.tsx'
import { WallPage } from './pages/wall.tsx'
import { Command } from './parts/copy.tsx'
import { DeleteDialog } from './parts/delete-dialog.tsx'
import { Empty, ProblemNote } from './parts/empty.tsx'
import { openPalette, Palette } from './parts/palette.tsx'
import { Elapsed } from './parts/time.tsx'
import { Toasts } from './parts/toasts.tsx'

export const App = () => {
  const shown = route.value
  const main = useRef<HTMLElement>(null)
  const isFirst = useRef(true)
  useEffect(() => {
    document.title = `${titleOf(shown)} · Manor`
    // After a link inside the console, a screen reader and the keyboard go on at the new page.
    if (!isFirst.current) main.current?.focus({ preventScroll: true })
    isFirst.current = false
  }, [shown])
  return (
    <>
      <a class="skip" href="#page">
        Skip to the page
      </a>
      <Roof shown={shown} />
      <div aria-live="polite">
        <ConnectionBanner />
      </div>
      <main id="page" ref={main} tabIndex={-1}>
        <Content shown={shown} />
      </main>
      <Palette />
      <DeleteDialog />
      <Toasts />
    </>
  )
}

const Content = ({ shown }: { readonly shown: Route }) => {
  if (signedOut.value) return <SignedOut />
  if (connection.value.state === 'failed')
    return (
      <div class="page is-narrow">
        <h1>The console cannot read Manor</h1>
        <ProblemNote problem={connection.value.problem} onRetry={() => void connect()} />
      </div>
    )
  if (connection.value.state === 'loading')
    return (
      <div class="page centered">
        <p class="visually-hidden">Reading the fleet</p>
        <div class="loading-bar" />
      </div>
    )
  return <Page shown={shown} />
}

const Page = ({ shown }: { readonly shown: Route }) => {
  switch (shown.page) {
    case 'wall':
      return <WallPage />
    case 'controller':
      return <ControllerPage key={shown.name} name={shown.name} />
    case 'new-controller':
      return <NewControllerPage />
    case 'queue':
      return <QueuePage />
    case 'queue-item':
      return <QueueItemPage key={`${shown.controller}/${shown.item}`} controller={shown.controller} item={shown.item} />
    case 'agents':
      return <AgentsPage />
    case 'agent':
      return <AgentPage key={shown.id} id={shown.id} />
    case 'hosts':
      return <HostsPage />
    case 'events':
      return <EventsPage />
    case 'templates':
      return <TemplatesPage />
    case 'tenants':
      return <TenantsPage />
    case 'unknown':
      return (
        <div class="page centered">
          <Empty isPage title="There is no such page">
            <p>
              <code>{shown.path}</code> leads nowhere. Press <kbd>Ctrl</kbd> <kbd>K</kbd> to find a controller or a page by name.
            </p>
            <a class="button" href={pathOf.wall}>
              To the wall
            </a>
          </Empty>
        </div>
      )
  }
}

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
  { path: pathOf.tenants, title: 'Tenants', pages: ['tenants'] },
  { path: pathOf.templates, title: 'Templates', pages: ['templates'] },
]

const Roof = ({ shown }: { readonly shown: Route }) => {
  const nav = useRef<HTMLElement>(null)
  // On a phone the sections scroll sideways: the current one is brought into view.
  useEffect(() => nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [shown])
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

const ConnectionBanner = () => {
  const state = connection.value
  if (state.state !== 'lost' || signedOut.value) return null
  return (
    <div class="banner" role="status">
      <strong>The connection to Manor is lost.</strong>
      <span>
        What you see is as it was <Elapsed from={state.since} /> ago; it catches up by itself. Controllers and builds go on without the
        console.
      </span>
    </div>
  )
}

const SignedOut = () => (
  <div class="page centered">
    <Empty isPage title="You are signed out">
      <p>
        A session lasts a working day, and ends with the token behind it. On Manor's machine, this prints a link that signs this browser in,
        once:
      </p>
      <Command line="./manor console" />
      <button type="button" class="button" onClick={() => location.reload()}>
        I am signed in, look again
      </button>
    </Empty>
  </div>
)
