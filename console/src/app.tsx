/** The frame around every page, and which page the address shows. */
import { useEffect, useRef } from 'preact/hooks'
import { signedOut } from './data/api.ts'
import { connect, connection } from './data/connection.ts'
import { route } from './lib/history.ts'
import { pathOf, type Route, titleOf } from './lib/routes.ts'
import { AgentPage } from './pages/agent.tsx'
import { AgentsPage } from './pages/agents.tsx'
import { ControllerPage } from './pages/controller.tsx'
import { EventsPage } from './pages/events.tsx'
import { HostPage } from './pages/host.tsx'
import { HostsPage } from './pages/hosts.tsx'
import { NewControllerPage } from './pages/new-controller.tsx'
import { NewTenantPage } from './pages/new-tenant.tsx'
import { QueuePage } from './pages/queue.tsx'
import { QueueItemPage } from './pages/queue-item.tsx'
import { TemplatesPage } from './pages/templates.tsx'
import { TenantPage } from './pages/tenant.tsx'
import { TenantsPage } from './pages/tenants.tsx'
import { WallPage } from './pages/wall.tsx'
import { Command } from './parts/copy.tsx'
import { DeleteDialog } from './parts/delete-dialog.tsx'
import { Empty, ProblemNote } from './parts/empty.tsx'
import { Palette } from './parts/palette.tsx'
import { Roof } from './parts/roof.tsx'
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
    case 'host':
      return <HostPage key={shown.name} name={shown.name} />
    case 'events':
      return <EventsPage />
    case 'templates':
      return <TemplatesPage />
    case 'tenants':
      return <TenantsPage />
    case 'tenant':
      return <TenantPage key={shown.name} name={shown.name} />
    case 'new-tenant':
      return <NewTenantPage />
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
