/** The machines: what they have, what was promised to whom, and whether limits hold there. */
import type { HostView } from '../../../src/api/contract.ts'
import { hosts } from '../data/fleet.ts'
import { matches, parseFilter } from '../lib/filter.ts'
import { counted } from '../lib/format.ts'
import { query } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { Empty } from '../parts/empty.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { HostShares, limitsSentence } from '../parts/host-facts.tsx'
import { Ago } from '../parts/time.tsx'

export const HostsPage = () => {
  const terms = parseFilter(query.value.get('q') ?? '')
  const all = hosts.all.value
  const shown = all
    .filter(host =>
      matches(terms, {
        host: host.id,
        engine: host.engine,
        role: host.role,
        state: host.state,
        tenant: host.reservedFor,
        attribute: Object.entries(host.attributes).flat().join(' '),
      }),
    )
    .toSorted((a, b) => a.id.localeCompare(b.id))
  const unlimited = all.filter(({ limits }) => !limits.memory || !limits.cpu).length
  return (
    <div class="page">
      <div class="page-head">
        <h1>Hosts</h1>
        <span class="soft">
          {counted(all.length, 'host')}
          {unlimited > 0 && `, limits not enforced on ${unlimited === all.length ? 'any of them' : unlimited}`}
        </span>
        <p class="legend">
          <span>
            <i class="swatch of-controllers" aria-hidden="true" /> controllers
          </span>
          <span>
            <i class="swatch of-agents" aria-hidden="true" /> agents
          </span>
          <span>
            <i class="swatch" aria-hidden="true" /> free
          </span>
        </p>
        <FilterBox label="Filter hosts" placeholder="Filter: host, state:, role:" />
      </div>
      {shown.length === 0 ? (
        <Empty title={all.length === 0 ? 'No host yet' : 'No host matches'} command={all.length === 0 ? './manor host list' : undefined}>
          <p>
            {all.length === 0
              ? 'A host shows here once its engine told what it has; this takes a second after Manor starts.'
              : 'Words match names, engines, roles, states and attributes.'}
          </p>
        </Empty>
      ) : (
        <ul class="hosts">
          {shown.map(host => (
            <li key={host.id}>
              <Host host={host} />
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

const Host = ({ host }: { readonly host: HostView }) => {
  const hold = host.limits.memory && host.limits.cpu
  return (
    <article class="panel host">
      <header>
        <h2>
          <a href={pathOf.host(host.id)}>{host.id}</a>
        </h2>
        {host.state !== 'ready' && <span class="tag is-warning">{host.state}</span>}
        {host.role !== 'any' && <span class="tag">only {host.role}</span>}
        <span class="tag">{host.engine}</span>
      </header>
      <HostShares host={host} />
      {host.reason && (
        <p>
          {host.reason.message} <span class="soft">{host.reason.mend}</span>
        </p>
      )}
      <p class={hold ? 'faint' : ''}>{limitsSentence(host.limits)}</p>
      <p class="tags">
        {host.reservedFor !== undefined && (
          <span class="tag">
            reserved for <a href={pathOf.wallOfTenant(host.reservedFor)}>{host.reservedFor}</a>
          </span>
        )}
        {Object.entries(host.attributes).map(([name, value]) => (
          <span key={name} class="tag">
            {name} {value}
          </span>
        ))}
      </p>
      <p class="faint">
        <a href={pathOf.host(host.id)}>What runs on it</a>; seen <Ago at={host.seenAt} />
      </p>
    </article>
  )
}
