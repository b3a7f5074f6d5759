/** The first page: the overview, and every controller as a square of the wall or as a row of a list. */
import { useComputed } from '@preact/signals'
import { connection } from '../data/connection.ts'
import { controllers } from '../data/fleet.ts'
import { parseFilter } from '../lib/filter.ts'
import { query, setQuery } from '../lib/history.ts'
import { controllerMatches } from '../lib/wall-groups.ts'
import { Empty } from '../parts/empty.tsx'
import { ControllersTable } from './controllers-table.tsx'
import { FirstSteps } from './first-steps.tsx'
import { OverviewStrip } from './overview-strip.tsx'
import { WallGrid } from './wall-grid.tsx'
import { chosenPhases, WallToolbar } from './wall-toolbar.tsx'

export const WallPage = () => {
  const shown = useComputed(() => {
    const terms = parseFilter(query.value.get('q') ?? '')
    const phases = chosenPhases()
    return controllers.all.value.filter(controller => controllerMatches(controller, terms, phases))
  })
  const isList = query.value.get('view') === 'list'
  if (controllers.ids.value.length === 0 && connection.value.state !== 'loading') return <FirstSteps />
  return (
    <div class="page">
      <h1 class="visually-hidden">Controllers</h1>
      <OverviewStrip />
      <WallToolbar isList={isList} shownCount={shown.value.length} />
      {shown.value.length === 0 ? <NothingMatches /> : isList ? <ControllersTable rows={shown.value} /> : <WallGrid shown={shown.value} />}
    </div>
  )
}

const NothingMatches = () => (
  <Empty title="No controller matches">
    <p>
      Words match names, tenants, phases, hosts and reasons; <code>tenant:payments</code> looks in one place, <code>-ready</code> leaves
      out.
    </p>
    <button type="button" class="button" onClick={() => setQuery({ q: '', phase: '' })}>
      Clear the filter
    </button>
  </Empty>
)
