/** The teams and what each of them uses. */
import type { TenantView } from '../../../src/api/contract.ts'
import { tenants } from '../data/fleet.ts'
import { matches, parseFilter } from '../lib/filter.ts'
import { counted, formatCores, formatCount, formatMemory } from '../lib/format.ts'
import { query } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { Bar } from '../parts/bar.tsx'
import { Empty } from '../parts/empty.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { Ago } from '../parts/time.tsx'

type Amount = NonNullable<TenantView['quota']>
const amount = ({ memoryMb, cpu }: Amount): string =>
  [...(memoryMb === undefined ? [] : [formatMemory(memoryMb)]), ...(cpu === undefined ? [] : [formatCores(cpu)])].join(', ')

const Granted = ({ resources }: { readonly resources: Amount | undefined }) =>
  resources === undefined ? <span class="faint">none</span> : <span>{amount(resources)}</span>

const COLUMNS: readonly Column<TenantView>[] = [
  { key: 'name', title: 'Tenant', cell: tenant => tenant.id, compare: (a, b) => a.id.localeCompare(b.id) },
  {
    key: 'controllers',
    title: 'Controllers',
    width: '92px',
    className: 'number',
    cell: tenant => formatCount(tenant.controllers),
    compare: (a, b) => b.controllers - a.controllers,
  },
  {
    key: 'queued',
    title: 'Waiting',
    width: '76px',
    className: 'number',
    cell: tenant => formatCount(tenant.queued),
    compare: (a, b) => b.queued - a.queued,
  },
  {
    key: 'used',
    title: 'In use',
    width: '170px',
    className: 'hide-narrow',
    cell: tenant => amount(tenant.usedByAgents),
    compare: (a, b) => b.usedByAgents.memoryMb - a.usedByAgents.memoryMb,
  },
  {
    key: 'share',
    title: 'Of its quota',
    width: '15%',
    className: 'hide-medium',
    cell: tenant =>
      tenant.quota?.memoryMb !== undefined ? (
        <Bar
          total={tenant.quota.memoryMb}
          shares={[{ className: 'of-used', value: tenant.usedByAgents.memoryMb, title: amount(tenant.usedByAgents) }]}
          mark={tenant.guarantee && { value: tenant.guarantee.memoryMb ?? 0, title: `Guaranteed: ${amount(tenant.guarantee)}` }}
        />
      ) : (
        <span class="faint">no quota</span>
      ),
  },
  { key: 'quota', title: 'Quota', width: '170px', className: 'hide-wide', cell: tenant => <Granted resources={tenant.quota} /> },
  {
    key: 'guarantee',
    title: 'Guarantee',
    width: '170px',
    className: 'hide-wide',
    cell: tenant => <Granted resources={tenant.guarantee} />,
  },
  {
    key: 'weight',
    title: 'Weight',
    width: '70px',
    className: 'number hide-narrow',
    cell: tenant => tenant.weight,
    compare: (a, b) => b.weight - a.weight,
  },
  { key: 'created', title: 'Created', width: '92px', className: 'number hide-wide', cell: tenant => <Ago at={tenant.createdAt} /> },
]

export const TenantsPage = () => {
  const terms = parseFilter(query.value.get('q') ?? '')
  const all = tenants.all.value
  const rows = all.filter(({ id }) => matches(terms, { name: id })).toSorted((a, b) => a.id.localeCompare(b.id))
  return (
    <div class="page is-full">
      <div class="page-head">
        <h1>Tenants</h1>
        <span class="soft">{counted(rows.length, 'tenant')}</span>
        <FilterBox label="Filter tenants" placeholder="Filter by name" />
      </div>
      <Table
        label="Tenants"
        rows={rows}
        rowKey={tenant => tenant.id}
        columns={COLUMNS}
        href={tenant => pathOf.wallOfTenant(tenant.id)}
        empty={
          <Empty title={all.length === 0 ? 'No tenant yet' : 'No tenant matches'}>
            <p>A tenant is a team: it owns controllers and shares the fleet with the others by its weight, its guarantee and its quota.</p>
          </Empty>
        }
      />
    </div>
  )
}
