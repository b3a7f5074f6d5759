import {
  type Agent,
  type Controller,
  type ControllerId,
  controllerId,
  type Kind,
  type Rows,
  type SomeResources,
  type Template,
  type TenantId,
} from '../model/index.ts'
import type { Change } from './contract.ts'

/** Stands for all tenants in an audience. */
export const EVERYONE = '*'
/** As an id: every view of that kind, because what all of them are a part of has changed. */
export const EVERY_VIEW = '*'
/** Tenants that may hear of something, or `EVERYONE`. Someone without a tenant hears of everything. */
export type Audience = readonly string[]

/** A view that a commit may have changed. */
export type Touched = {
  readonly kind: Change['kind']
  readonly id: string
  /** Tell at once. What is derived, or is told anew every few seconds anyway, waits for more of its kind instead. */
  readonly urgent: boolean
  /** Who saw it before or sees it now. */
  readonly audience: Audience
}

/** A row's change with what it was; of rows that come and go one of the two is missing. */
export type RowChange = {
  [K in Kind]: { readonly kind: K; readonly id: string; readonly before: Rows[K] | undefined; readonly after: Rows[K] | undefined }
}[Kind]

export type TenantOf = (controller: ControllerId) => TenantId | undefined

/** The views that a row's change touches. Pure; a handful for each change. */
export const touchedBy = (change: RowChange, tenantOf: TenantOf): Touched[] => {
  const { id } = change
  switch (change.kind) {
    case 'controller':
      return ofController(change.before, change.after)
    case 'agent':
      return ofAgent(change.before, change.after)
    case 'demand':
    case 'presence': {
      const row = change.after ?? change.before
      const tenant = row && tenantOf(row.controller)
      return tenant === undefined ? [] : ofReport(change.kind, id, tenant)
    }
    case 'host': {
      const rows = [change.before, change.after].filter(row => row !== undefined)
      const one: Touched = { kind: 'host', id, urgent: false, audience: rows.map(({ reservedFor }) => reservedFor ?? EVERYONE) }
      return isSame(change.before?.capacity, change.after?.capacity) ? [one] : [one, EVERY_TENANT]
    }
    case 'template': {
      const rows = [change.before, change.after].filter(row => row !== undefined)
      return [{ kind: 'template', id, urgent: true, audience: rows.flatMap(row => audienceOfTemplate(row, tenantOf)) }]
    }
    case 'tenant': {
      const one: Touched = { kind: 'tenant', id, urgent: true, audience: [id] }
      return isSame(change.before?.guarantee, change.after?.guarantee) ? [one] : [one, EVERY_TENANT]
    }
    case 'usage':
      return ofUsage(id, tenantOf)
    case 'token':
    case 'secret':
    case 'setting':
    case 'engine-record':
    // The host's own row changes with it.
    case 'host-wanted':
      return []
  }
}

/** Shares are parts of what all hosts have, and a guarantee holds only while all of them together fit. */
const EVERY_TENANT: Touched = { kind: 'tenant', id: EVERY_VIEW, urgent: false, audience: [EVERYONE] }

const isSame = (a: SomeResources | undefined, b: SomeResources | undefined): boolean =>
  a?.cpu === b?.cpu && a?.memoryMb === b?.memoryMb && a?.diskMb === b?.diskMb

export const audienceOfTemplate = ({ scope }: Template, tenantOf: TenantOf): Audience => {
  if (scope.kind === 'global') return [EVERYONE]
  const tenant = scope.kind === 'tenant' ? scope.tenant : tenantOf(scope.controller)
  return tenant === undefined ? [] : [tenant]
}

const host = (id: string | undefined): Touched[] => (id === undefined ? [] : [{ kind: 'host', id, urgent: false, audience: [EVERYONE] }])

/** What it says stands in its noun's view. Whose a template is its own row says, which is read when the view is made: nobody else sees it or saw it. */
const ofUsage = (id: string, tenantOf: TenantOf): Touched[] => {
  const [kind, name = ''] = id.split('/')
  if (kind === 'template') return [{ kind, id: name, urgent: false, audience: [] }]
  const tenant = tenantOf(controllerId(name))
  return tenant === undefined ? [] : [{ kind: 'controller', id: name, urgent: false, audience: [tenant] }]
}

const ofController = (before: Controller | undefined, after: Controller | undefined): Touched[] => {
  const row = after ?? before
  if (row === undefined) return []
  const audience = [row.tenant]
  const touched: Touched[] = [
    { kind: 'controller', id: row.id, urgent: true, audience },
    { kind: 'tenant', id: row.tenant, urgent: false, audience },
    ...host(before?.host),
    ...(before?.host === after?.host ? [] : host(after?.host)),
  ]
  // Its queue goes with it, and comes with its name.
  return before === undefined || after === undefined ? [...touched, { kind: 'queue', id: row.id, urgent: true, audience }] : touched
}

const ofAgent = (before: Agent | undefined, after: Agent | undefined): Touched[] => {
  const row = after ?? before
  if (row === undefined) return []
  const audience = [row.tenant]
  return [
    { kind: 'agent', id: row.id, urgent: true, audience },
    { kind: 'queue', id: row.controller, urgent: false, audience },
    { kind: 'controller', id: row.controller, urgent: false, audience },
    { kind: 'tenant', id: row.tenant, urgent: false, audience },
    ...host(row.host),
  ]
}

const ofReport = (kind: 'demand' | 'presence', id: string, tenant: TenantId): Touched[] => {
  const audience = [tenant]
  const controller: Touched = { kind: 'controller', id, urgent: false, audience }
  if (kind === 'presence') return [controller]
  return [controller, { kind: 'queue', id, urgent: false, audience }, { kind: 'tenant', id: tenant, urgent: false, audience }]
}
