import { OperationError } from '../controllers/index.ts'
import {
  type Access,
  accessKinds,
  accessProblem,
  accessWords,
  type Event,
  type HostPath,
  nameProblem,
  type Tenant,
  type TenantId,
  tenantId,
} from '../model/index.ts'
import type { Store, Transaction } from '../store/index.ts'
import { applyChange, problemOf, type TenantChange } from './check.ts'

/** Each pass of the scheduler looks at every tenant, and a console shows them all: more is a mistake of a script. */
export const MAX_TENANTS = 10_000
/** Names of what keeps a tenant from being deleted that are told of each kind. */
const MAX_NAMED = 10

export type NewTenant = TenantChange & { readonly name: string }

/** Makes a tenant. Errors: `invalid` with the field, `exists`, `too-many`. */
export const createTenant = async (store: Pick<Store, 'transact'>, wanted: NewTenant, actor: string): Promise<Tenant> => {
  const { name, ...change } = wanted
  const wrong = nameProblem(name)
  if (wrong !== undefined) throw new OperationError('invalid', `name ${wrong}.`, { field: 'name' })
  return store.transact(
    tx => {
      if (tx.get('tenant', name) !== undefined)
        throw new OperationError('exists', `There is a tenant named ${name} already: choose another name.`, { field: 'name' })
      if (tx.list('tenant').length >= MAX_TENANTS)
        throw new OperationError('too-many', `There are ${MAX_TENANTS} tenants already: delete some with "./manor tenant delete".`)
      const tenant = checked(tx, applyChange({ id: tenantId(name), weight: 1, createdAt: tx.now }, change), undefined)
      tx.insert('tenant', tenant)
      tell(tx, name, { type: 'created', actor, message: `Tenant ${name} was created.`, data: dataOf(change) })
      return tenant
    },
    { flush: true },
  )
}

/**
 * Changes how a tenant shares the fleet; the next placement goes by it, and agents that run are not touched. A change that changes nothing
 * is no event. Errors: `not-found`, `invalid` with the field, a store's `conflict` where `ifRevision` is not the row's.
 */
export const changeTenant = (
  store: Pick<Store, 'transact'>,
  id: TenantId,
  change: TenantChange,
  actor: string,
  ifRevision?: number,
): Promise<Tenant> =>
  store.transact(
    tx => {
      const before = existing(tx, id)
      const after = checked(tx, applyChange(before, change), before)
      if (ifRevision === undefined && JSON.stringify(after) === JSON.stringify(before)) return before
      tx.update('tenant', id, () => after, ifRevision)
      const message = `Tenant ${id} was changed (${Object.keys(change).join(', ')}); agents that run are not touched.`
      tell(tx, id, { type: 'changed', actor, message, data: dataOf(change) })
      return after
    },
    { flush: true },
  )

/**
 * Says what a tenant's templates may ask of the hosts, all of it at once; undefined takes all away. The next placement goes by it: what waits and
 * may not be started any more says so, and agents that run are not touched. Errors: `not-found`, `invalid` with the field, a store's `conflict`
 * where `ifRevision` is not the row's.
 */
export const allowAccess = (
  store: Pick<Store, 'transact'>,
  id: TenantId,
  access: Access | undefined,
  actor: string,
  ifRevision?: number,
): Promise<Tenant> => {
  const wrong = access === undefined ? undefined : accessProblem(access)
  if (wrong !== undefined) return Promise.reject(new OperationError('invalid', `${wrong.field} ${wrong.message}`, { field: wrong.field }))
  return store.transact(
    tx => {
      const { access: _before, ...rest } = existing(tx, id)
      const after: Tenant = access === undefined ? rest : { ...rest, access }
      tx.update('tenant', id, () => after, ifRevision)
      const words = access === undefined ? 'nothing' : accessWords(access)
      const message = `Templates of tenant ${id} may ask for ${words} of the hosts now; agents that run are not touched.`
      tell(tx, id, { type: 'access-changed', actor, message, data: accessData(access) })
      return after
    },
    { flush: true },
  )
}

const accessData = (access: Access | undefined): Event['data'] =>
  Object.fromEntries(accessKinds(access).map(kind => [kind, dataText(access?.[kind])]))

const dataText = (value: Access[keyof Access]): string | boolean =>
  value === undefined || value === true ? value === true : value.map(each => (typeof each === 'string' ? each : pathText(each))).join(' ')

const pathText = ({ path, writable }: HostPath): string => `${path}${writable ? ':rw' : ''}`

/** Deletes a tenant that has nothing any more. Errors: `not-found`; `in-use` with what it still has. */
export const deleteTenant = (store: Pick<Store, 'transact'>, id: TenantId, actor: string): Promise<void> =>
  store.transact(
    tx => {
      existing(tx, id)
      const kept = belongings(tx, id)
      if (kept.length > 0)
        throw new OperationError('in-use', `Tenant ${id} still has ${kept.join('; ')}. Delete or revoke those first.`, { field: 'name' })
      tx.remove('tenant', id)
      tell(tx, id, { type: 'deleted', actor, message: `Tenant ${id} was deleted.`, data: {} })
    },
    { flush: true },
  )

const existing = (tx: Transaction, id: TenantId): Tenant => {
  const tenant = tx.get('tenant', id)
  if (tenant === undefined) throw new OperationError('not-found', `There is no tenant named ${id}.`, { field: 'name' })
  return tenant
}

const checked = (tx: Transaction, after: Tenant, before: Tenant | undefined): Tenant => {
  const others = tx.list('tenant').filter(({ id }) => id !== after.id)
  const wrong = problemOf(after, { before, others, hosts: tx.list('host') })
  if (wrong !== undefined) throw new OperationError('invalid', wrong.message, { field: wrong.field })
  return after
}

/** What would be left without an owner. A token is named with its id, which is what revokes it; what a token opened goes with it. */
const belongings = (tx: Transaction, id: TenantId): string[] => {
  const controllers = tx.list('controller').filter(({ tenant }) => tenant === id)
  const templates = tx.list('template').filter(({ scope }) => scope.kind === 'tenant' && scope.tenant === id)
  const tokens = tx
    .list('token')
    .filter(({ tenant, controller, expiresAt }) => tenant === id && controller === undefined && (expiresAt ?? tx.now + 1) > tx.now)
  const hosts = tx.list('host-wanted').filter(({ reservedFor }) => reservedFor === id)
  const ids = new Set(tokens.map(token => token.id))
  const first = tokens.filter(({ issuedBy }) => issuedBy === undefined || !ids.has(issuedBy))
  return [
    ...named(
      'controller',
      controllers.map(({ id: name, wanted }) => (wanted === 'deleted' ? `${name}, which is being deleted` : name)),
    ),
    ...named(
      'template',
      templates.map(template => template.id),
    ),
    ...named(
      'token',
      first.map(token => `${token.name} (${token.id})`),
    ),
    ...named(
      'host',
      hosts.map(host => `${host.id}, which is reserved for it (./manor host unreserve ${host.id})`),
    ),
  ]
}

const named = (noun: string, names: readonly string[]): string[] => {
  if (names.length === 0) return []
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : ''
  return [`${names.length} ${noun}${names.length === 1 ? '' : 's'}: ${names.slice(0, MAX_NAMED).join(', ')}${more}`]
}

/** The change in one level: `quota.cpu`. What was taken away is null. */
const dataOf = (change: TenantChange): Event['data'] => {
  const data: Record<string, number | boolean | null> = {}
  for (const [name, value] of Object.entries(change)) {
    if (typeof value === 'object' && value !== null) for (const [part, amount] of Object.entries(value)) data[`${name}.${part}`] = amount
    else if (value !== undefined) data[name] = value
  }
  return data
}

const tell = (tx: Transaction, id: string, event: Pick<Event, 'type' | 'actor' | 'message' | 'data'>): void =>
  tx.event({ kind: 'tenant', subject: id, tenant: tenantId(id), ...event })
