/** The wall as a list: the same controllers with what a square only shows on demand. */
import type { ControllerView } from '../../../src/api/contract.ts'
import { formatMemory } from '../lib/format.ts'
import { pathOf } from '../lib/routes.ts'
import { ControllerPhaseLabel } from '../parts/glyph.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { Age } from '../parts/time.tsx'

const byText = (pick: (row: ControllerView) => string) => (a: ControllerView, b: ControllerView) => pick(a).localeCompare(pick(b))
const byNumber = (pick: (row: ControllerView) => number) => (a: ControllerView, b: ControllerView) => pick(a) - pick(b)

const COLUMNS: readonly Column<ControllerView>[] = [
  { key: 'name', title: 'Name', cell: row => row.id, compare: byText(row => row.id) },
  {
    key: 'phase',
    title: 'Phase',
    width: '118px',
    cell: row => <ControllerPhaseLabel controller={row} />,
    compare: byText(row => row.phase),
  },
  {
    key: 'since',
    title: 'For',
    width: '74px',
    className: 'hide-narrow',
    cell: row => <Age at={row.phaseSince} />,
    compare: byNumber(row => -row.phaseSince),
  },
  { key: 'tenant', title: 'Tenant', width: '13%', className: 'hide-medium', cell: row => row.tenant, compare: byText(row => row.tenant) },
  {
    key: 'reason',
    title: 'Reason',
    width: '28%',
    className: 'hide-wide',
    cell: row => <span title={row.reason?.message}>{row.reason?.message}</span>,
  },
  {
    key: 'running',
    title: 'Building',
    width: '78px',
    className: 'number hide-narrow',
    cell: row => row.running || '',
    compare: byNumber(row => row.running),
  },
  {
    key: 'queued',
    title: 'Waiting',
    width: '74px',
    className: 'number hide-narrow',
    cell: row => row.queued || '',
    compare: byNumber(row => row.queued),
  },
  {
    key: 'memory',
    title: 'Memory',
    width: '150px',
    className: 'number hide-medium',
    cell: row => (row.memoryMb === undefined ? '' : `${formatMemory(row.memoryMb)} of ${formatMemory(row.spec.memoryMb)}`),
    compare: byNumber(row => row.memoryMb ?? 0),
  },
  { key: 'host', title: 'Host', width: '11%', className: 'hide-wide', cell: row => row.host ?? '', compare: byText(row => row.host ?? '') },
]

export const ControllersTable = ({ rows }: { readonly rows: readonly ControllerView[] }) => (
  <div class="tall-table">
    <Table label="Controllers" rows={rows} rowKey={row => row.id} columns={COLUMNS} href={row => pathOf.controller(row.id)} empty={null} />
  </div>
)
