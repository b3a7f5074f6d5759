/** The machines: what they have, what was promised to whom, and whether limits hold there. */
import type { HostView } from '../../../src/api/contract.ts'
import { hosts } from '../data/fleet.ts'
import { matches, parseFilter } from '../lib/filter.ts'
import { counted, formatCores, formatMemory, percentOf } from '../lib/format.ts'
import { query } from '../lib/history.ts'
import { pathOf } from '../lib/routes.ts'
import { Bar, Measure } from '../parts/bar.tsx'
import { Empty } from '../parts/empty.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
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

const limitsSentence = ({ memory, cpu, reason }: HostView['limits']): string => {
  const because = reason === undefined ? '' : `: ${reason}`
  if (!memory && !cpu) return `Limits not enforced${because}`
  return memory ? `CPU shares not enforced${because}` : `Memory limits not enforced${because}`
}

const Host = ({ host }: { readonly host: HostView }) => {
  const hold = host.limits.memory && host.limits.cpu
  return (
    <article class="panel host">
      <header>
        <h2>{host.id}</h2>
        {host.state !== 'ready' && <span class="tag is-warning">{host.state}</span>}
        {host.role !== 'any' && <span class="tag">only {host.role}</span>}
        <span class="tag">{host.engine}</span>
      </header>
      <Share host={host} label="Memory" pick="memoryMb" show={formatMemory} />
      <Share host={host} label="CPU" pick="cpu" show={formatCores} />
      <Share host={host} label="Disk" pick="diskMb" show={formatMemory} />
      {host.reason && (
        <p>
          {host.reason.message} <span class="soft">{host.reason.mend}</span>
        </p>
      )}
      <p class={hold ? 'faint' : ''}>{hold ? 'Memory and CPU limits are enforced' : limitsSentence(host.limits)}</p>
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
        <a href={`/?q=${encodeURIComponent(`host:${host.id}`)}`}>Its controllers</a>,{' '}
        <a href={`${pathOf.agents}?q=${encodeURIComponent(`host:${host.id}`)}`}>its agents</a>; seen <Ago at={host.seenAt} />
      </p>
    </article>
  )
}

type ShareProps = {
  readonly host: HostView
  readonly label: string
  readonly pick: 'memoryMb' | 'cpu' | 'diskMb'
  readonly show: (value: number) => string
}

const Share = ({ host, label, pick, show }: ShareProps) => {
  const total = host.capacity[pick]
  const ofControllers = host.usedByControllers[pick]
  const ofAgents = host.usedByAgents[pick]
  const used = ofControllers + ofAgents
  return (
    <Measure
      label={`${label}, ${percentOf(used, total).toFixed(0)} % promised`}
      value={`${show(Math.max(0, total - used))} of ${show(total)} free`}
    >
      <Bar
        total={total}
        shares={[
          { className: 'of-controllers', value: ofControllers, title: `Controllers: ${show(ofControllers)}` },
          { className: 'of-agents', value: ofAgents, title: `Agents: ${show(ofAgents)}` },
        ]}
      />
    </Measure>
  )
}
