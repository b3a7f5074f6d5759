/** The teams and how they share the fleet: bars of one scale, so that they can be compared at a glance. */
import type { TenantView } from '../../../src/api/contract.ts'
import { hosts, may, tenants } from '../data/fleet.ts'
import { matches, parseFilter } from '../lib/filter.ts'
import { counted, formatCores, formatCount, formatMemory } from '../lib/format.ts'
import { query } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { amountWords, capacityOf, formatAmount, formatShare, type ResourceName, shareSentence, wholeOf } from '../lib/tenant-shares.ts'
import { Command } from '../parts/copy.tsx'
import { Empty } from '../parts/empty.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { ShareBar, ShareLegend } from '../parts/share-bar.tsx'
import { type Column, Table } from '../parts/table.tsx'

type Wholes = { readonly cpu: number; readonly memoryMb: number }

const Share = ({ tenant, name, whole }: { readonly tenant: TenantView; readonly name: ResourceName; readonly whole: number }) => (
  <div class="share-cell">
    <ShareBar tenant={tenant} name={name} whole={whole} />
    <span class="number">{name === 'cpu' ? plainCores(tenant.usedByAgents.cpu) : formatMemory(tenant.usedByAgents[name])}</span>
    <span class="visually-hidden">{shareSentence(tenant, name)}</span>
  </div>
)

/** The head of the column says what is counted. */
const plainCores = (cpu: number): string => formatCores(cpu).replace(/ cores?$/, '')

const columnsOf = (wholes: Wholes): readonly Column<TenantView>[] => [
  {
    key: 'name',
    title: 'Tenant',
    width: 'max(15%, 96px)',
    cell: tenant => (
      <>
        {tenant.id}
        {tenant.notes.length > 0 && (
          <span class="tag is-warning note hide-wide" title={tenant.notes.join(' ')}>
            not all can be counted on
          </span>
        )}
      </>
    ),
    compare: (a, b) => a.id.localeCompare(b.id),
  },
  {
    key: 'cores',
    title: 'Cores',
    className: 'hide-narrow',
    cell: tenant => <Share tenant={tenant} name="cpu" whole={wholes.cpu} />,
    compare: (a, b) => b.usedByAgents.cpu - a.usedByAgents.cpu,
  },
  {
    key: 'memory',
    title: 'Memory',
    cell: tenant => <Share tenant={tenant} name="memoryMb" whole={wholes.memoryMb} />,
    compare: (a, b) => b.usedByAgents.memoryMb - a.usedByAgents.memoryMb,
  },
  {
    key: 'waiting',
    title: 'Waiting',
    width: '76px',
    className: 'number',
    cell: tenant => formatCount(tenant.queued),
    compare: (a, b) => b.queued - a.queued,
  },
  {
    key: 'share',
    title: 'Share',
    width: '72px',
    className: 'number hide-narrow',
    cell: tenant => formatShare(tenant.dominantShare),
    compare: (a, b) => b.dominantShare - a.dominantShare,
  },
  {
    key: 'weight',
    title: 'Weight',
    width: '70px',
    className: 'number hide-medium',
    cell: tenant => tenant.weight,
    compare: (a, b) => b.weight - a.weight,
  },
  {
    key: 'controllers',
    title: 'Controllers',
    width: '92px',
    className: 'number hide-wide',
    cell: tenant => formatCount(tenant.controllers),
    compare: (a, b) => b.controllers - a.controllers,
  },
  {
    key: 'guarantee',
    title: 'Guaranteed',
    width: '140px',
    className: 'hide-wide',
    cell: ({ guarantee }) => (guarantee ? amountWords(guarantee) : <span class="faint">nothing</span>),
  },
  {
    key: 'quota',
    title: 'At most',
    width: '210px',
    className: 'hide-wide',
    cell: ({ quota }) => (quota ? amountWords(quota) : <span class="faint">no cap</span>),
  },
]

export const TenantsPage = () => {
  const terms = parseFilter(query.value.get('q') ?? '')
  const all = tenants.all.value
  const rows = all
    .filter(tenant =>
      matches(terms, { name: tenant.id, note: tenant.notes.join(' '), policy: tenant.policy?.preemptible ? 'preemptible' : '' }),
    )
    .toSorted((a, b) => a.id.localeCompare(b.id))
  const capacity = capacityOf(hosts.all.value)
  // Of all tenants, so that a filter does not stretch the bars.
  const wholes = { cpu: wholeOf(all, capacity, 'cpu'), memoryMb: wholeOf(all, capacity, 'memoryMb') }
  return (
    <div class="page is-full has-chips">
      <div class="page-head">
        <h1>Tenants</h1>
        <span class="soft">{counted(rows.length, 'tenant')}</span>
        <FilterBox label="Filter tenants" placeholder="Filter: name, policy:preemptible" />
        {may('tenant:write') && (
          <a class="button" href={pathOf.newTenant}>
            New tenant
          </a>
        )}
      </div>
      <div class="share-scale">
        {all.length > 0 && <ShareLegend />}
        {all.length > 0 && (
          <span class="faint">
            A whole bar is {formatAmount('cpu', wholes.cpu)}, {formatAmount('memoryMb', wholes.memoryMb)}.
          </span>
        )}
      </div>
      <div class="tenants-body">
        <Table
          label="Tenants"
          rows={rows}
          rowKey={tenant => tenant.id}
          columns={columnsOf(wholes)}
          href={tenant => pathOf.tenant(tenant.id)}
          empty={all.length === 0 ? <NoTenant /> : <NoMatch />}
        />
        {all.length === 1 && <OneTenant />}
      </div>
    </div>
  )
}

const NoTenant = () => (
  <Empty title="No tenant yet" command="./manor tenant create payments --weight 2">
    <p>A tenant is a team: it owns controllers and shares the hosts with the others. A controller cannot be made without one.</p>
    <p>Where not all can have what they want, weights say who gets how much; a guarantee comes first, and a quota is the most.</p>
    {may('tenant:write') && (
      <a class="button is-main" href={pathOf.newTenant}>
        New tenant
      </a>
    )}
  </Empty>
)

const NoMatch = () => (
  <Empty title="No tenant matches">
    <p>Words match names; policy:preemptible finds those whose agents may be stopped for others.</p>
  </Empty>
)

const OneTenant = () => (
  <div class="empty">
    <h2>One tenant shares with nobody</h2>
    <p>
      Everything belongs to this one, so weights and guarantees mean nothing yet. Give each team its own, and builds of one no longer wait
      behind those of another.
    </p>
    <Command line="./manor tenant create payments --weight 2" />
  </div>
)
