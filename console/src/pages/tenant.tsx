/** One tenant: how much of the hosts it has, wants and may have, and the form that changes it. */

import type { TenantView } from '../../../src/api/contract.ts'
import { accessWords } from '../../../src/model/index.ts'
import { hosts, may, tenants } from '../data/fleet.ts'
import { counted, formatCores, formatMemory } from '../lib/format.ts'
import { pathOf } from '../lib/routes.ts'
import {
  capacityOf,
  formatAmount,
  formatShare,
  isShown,
  ownWholeOf,
  RESOURCE_NAMES,
  RESOURCE_WORD,
  type ResourceName,
  shareSentence,
} from '../lib/tenant-shares.ts'
import { Measure } from '../parts/bar.tsx'
import { Command, Copy } from '../parts/copy.tsx'
import { Empty } from '../parts/empty.tsx'
import { ShareBar, ShareLegend } from '../parts/share-bar.tsx'
import { ChangeTenant } from '../parts/tenant-change.tsx'
import { DeleteTenant } from '../parts/tenant-delete.tsx'
import { Ago } from '../parts/time.tsx'

export const TenantPage = ({ name }: { readonly name: string }) => {
  // A row that goes is told by the ids alone.
  tenants.ids.value
  const tenant = tenants.watch(name)
  if (tenant === undefined)
    return (
      <div class="page centered">
        <Empty
          isPage
          title={`There is no tenant named ${name}`}
          command={may('tenant:write') ? `./manor tenant create ${name}` : undefined}
        >
          <p>It was deleted, or never was, or it is not yours to see.</p>
          <a class="button" href={pathOf.tenants}>
            To the tenants
          </a>
        </Empty>
      </div>
    )
  return (
    <div class="page is-narrow">
      <div class="page-head">
        <div class="title-line">
          <h1>{tenant.id}</h1>
          {tenant.policy?.preemptible && <span class="tag">its agents may be stopped for others</span>}
        </div>
        {may('tenant:write') && <DeleteTenant name={tenant.id} />}
      </div>
      {tenant.notes.map(note => (
        <div key={note} class="callout is-waiting" role="status">
          <strong>Not all that is guaranteed can be counted on</strong>
          <p>{note}</p>
        </div>
      ))}
      <div class="columns">
        <div>
          <Shares tenant={tenant} />
          {may('tenant:write') && <ChangeTenant key={tenant.id} tenant={tenant} />}
        </div>
        <Facts tenant={tenant} />
      </div>
    </div>
  )
}

const Shares = ({ tenant }: { readonly tenant: TenantView }) => {
  const capacity = capacityOf(hosts.all.value)
  return (
    <section class="section" aria-labelledby="shares-title">
      <header>
        <h2 id="shares-title">Shares</h2>
      </header>
      {RESOURCE_NAMES.filter(name => isShown(tenant, name)).map(name => (
        <Measure key={name} label={RESOURCE_WORD[name]} value={wordsOf(tenant, name, capacity[name])}>
          <ShareBar isLarge tenant={tenant} name={name} whole={ownWholeOf(tenant, capacity, name)} />
        </Measure>
      ))}
      <ShareLegend />
    </section>
  )
}

const wordsOf = (tenant: TenantView, name: ResourceName, capacity: number): string =>
  `${shareSentence(tenant, name)}${capacity > 0 ? `; the hosts have ${formatAmount(name, capacity)}` : ''}`

const Facts = ({ tenant }: { readonly tenant: TenantView }) => {
  const { weight, dominantShare, dominantResource, controllers, usedByControllers, queued, waiting, createdAt } = tenant
  const ofWhat = dominantResource === undefined ? '' : ` of the hosts' ${RESOURCE_WORD[dominantResource].toLowerCase()}`
  return (
    <aside class="panel" aria-label="Facts">
      <dl class="facts">
        <dt>Tenant</dt>
        <dd>
          <span class="mono">{tenant.id}</span> <Copy text={tenant.id} what="the tenant's name" />
        </dd>
        <dt>Weight</dt>
        <dd>{weight}</dd>
        <dt>Share</dt>
        <dd>
          {formatShare(dominantShare)}
          {ofWhat}
        </dd>
        <dt>Its turn</dt>
        <dd>goes by {formatShare(dominantShare / weight)}, its share for its weight; the smallest is next</dd>
        <dt>Controllers</dt>
        <dd>
          <a href={pathOf.wallOfTenant(tenant.id)}>{counted(controllers, 'controller')}</a>
          {controllers > 0 && `, holding ${formatCores(usedByControllers.cpu)}, ${formatMemory(usedByControllers.memoryMb)}`}
        </dd>
        <dt>Queue</dt>
        <dd>
          <a href={`${pathOf.queue}?q=${encodeURIComponent(`tenant:${tenant.id}`)}`}>{counted(queued, 'item')}</a>
          {waiting.agents > 0 && `; ${counted(waiting.agents, 'agent')} without a place`}
        </dd>
        <dt>Agents</dt>
        <dd>
          <a href={`${pathOf.agents}?q=${encodeURIComponent(`tenant:${tenant.id}`)}`}>its agents</a>
        </dd>
        <dt>Of the hosts</dt>
        <dd>
          {tenant.access === undefined ? 'its builds may have nothing' : `its builds may have ${accessWords(tenant.access)}`}
          {may('tenant:access') && <Command line={`./manor tenant allow ${tenant.id} --help`} />}
        </dd>
        <dt>Events</dt>
        <dd>
          <a href={`${pathOf.events}?subject=${encodeURIComponent(tenant.id)}`}>who changed it</a>
        </dd>
        <dt>Made</dt>
        <dd>
          <Ago at={createdAt} />
        </dd>
      </dl>
    </aside>
  )
}
