/** One host: what runs on it, what a drain of it waits for, and the buttons that take it out of service. */
import type { ControllerView, HostView } from '../../../src/api/contract.ts'
import { holdsPlace } from '../../../src/model/index.ts'
import { agents, controllers, hosts, may } from '../data/fleet.ts'
import { counted, formatMemory } from '../lib/format.ts'
import { pathOf } from '../lib/routes.ts'
import { agentColumns } from '../parts/agent-columns.tsx'
import { Copy } from '../parts/copy.tsx'
import { Empty } from '../parts/empty.tsx'
import { ControllerPhaseLabel } from '../parts/glyph.tsx'
import { HostShares, limitsSentence } from '../parts/host-facts.tsx'
import { HostPurpose, HostService } from '../parts/host-service.tsx'
import { ReasonNote } from '../parts/reason.tsx'
import { ShortList } from '../parts/short-list.tsx'
import type { Column } from '../parts/table.tsx'
import { Ago, Until } from '../parts/time.tsx'

/** Of each kind; the rest is a link away. */
const SHOWN = 50

export const HostPage = ({ name }: { readonly name: string }) => {
  // A row that goes is told by the ids alone.
  hosts.ids.value
  const host = hosts.watch(name)
  if (host === undefined)
    return (
      <div class="page centered">
        <Empty isPage title={`There is no host named ${name}`} command="./manor host list">
          <p>It went away, or never was, or is kept for a tenant that is not yours.</p>
          <a class="button" href={pathOf.hosts}>
            To the hosts
          </a>
        </Empty>
      </div>
    )
  return (
    <div class="page is-narrow">
      <div class="page-head">
        <div class="title-line">
          <h1>{host.id}</h1>
          <span class={`tag${host.state === 'ready' ? '' : ' is-warning'}`}>{host.state}</span>
          {host.role !== 'any' && <span class="tag">only {host.role}</span>}
          {host.reservedFor !== undefined && <span class="tag">only {host.reservedFor}</span>}
        </div>
      </div>
      {host.reason && <ReasonNote reason={host.reason} isBad={host.state === 'silent'} />}
      <div class="columns">
        <div>
          <ItsControllers host={host.id} />
          <ItsAgents host={host.id} />
        </div>
        <div>
          <Facts host={host} />
          {may('host:write') && <HostService host={host} />}
          {may('host:write') && <HostPurpose host={host} />}
        </div>
      </div>
    </div>
  )
}

const COLUMNS: readonly Column<ControllerView>[] = [
  { key: 'id', title: 'Controller', cell: controller => controller.id },
  { key: 'phase', title: 'Phase', width: '120px', cell: controller => <ControllerPhaseLabel controller={controller} /> },
  { key: 'tenant', title: 'Tenant', width: '22%', className: 'hide-narrow', cell: controller => controller.tenant },
  { key: 'running', title: 'Builds', width: '70px', className: 'number', cell: controller => controller.running },
  {
    key: 'memory',
    title: 'Memory',
    width: '100px',
    className: 'number hide-narrow',
    cell: controller => formatMemory(controller.spec.memoryMb),
  },
]

const ItsControllers = ({ host }: { readonly host: string }) => {
  const rows = controllers.all.value
    .filter(controller => controller.host === host && holdsPlace(controller.phase))
    .toSorted((a, b) => a.id.localeCompare(b.id))
  return (
    <ShortList
      title="Controllers"
      label="Its controllers"
      most={SHOWN}
      all={`/?q=${encodeURIComponent(`host:${host}`)}`}
      count={counted(rows.length, 'controller')}
      rows={rows}
      rowKey={controller => controller.id}
      columns={COLUMNS}
      href={controller => pathOf.controller(controller.id)}
      empty="No controller runs on it."
    />
  )
}

const ItsAgents = ({ host }: { readonly host: string }) => {
  const rows = agents.all.value.filter(agent => agent.host === host && agent.phase !== 'ended')
  return (
    <ShortList
      title="Agents"
      label="Its agents"
      most={SHOWN}
      all={`${pathOf.agents}?q=${encodeURIComponent(`host:${host}`)}`}
      count={counted(rows.length, 'agent')}
      rows={rows}
      rowKey={agent => agent.id}
      columns={agentColumns(true).filter(({ key }) => key !== 'host')}
      href={agent => pathOf.agent(agent.id)}
      empty="No build runs on it."
    />
  )
}

const Facts = ({ host }: { readonly host: HostView }) => (
  <aside class="panel host" aria-label="Facts">
    <HostShares host={host} />
    <dl class="facts">
      <dt>Host</dt>
      <dd>
        <span class="mono">{host.id}</span> <Copy text={host.id} what="the host's name" />
      </dd>
      <dt>Engine</dt>
      <dd>{host.engine}</dd>
      {host.drainBy !== undefined && (
        <>
          <dt>Deadline</dt>
          <dd>
            <Until at={host.drainBy} />
          </dd>
        </>
      )}
      <dt>Limits</dt>
      <dd>{limitsSentence(host.limits)}</dd>
      <dt>Attributes</dt>
      <dd class="tags">
        {Object.entries(host.attributes).map(([attribute, value]) => (
          <span key={attribute} class="tag">
            {attribute} {value}
          </span>
        ))}
      </dd>
      <dt>Events</dt>
      <dd>
        <a href={`${pathOf.events}?subject=${encodeURIComponent(host.id)}`}>who took it out of service</a>
      </dd>
      <dt>Seen</dt>
      <dd>
        <Ago at={host.seenAt} />
      </dd>
    </dl>
  </aside>
)
