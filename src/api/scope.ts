import { OperationError } from '../controllers/index.ts'
import type { Principal } from '../identity/index.ts'
import type { Agent, Controller, Tenant } from '../model/index.ts'
import type { Reader, Store, Transaction } from '../store/index.ts'

/** To a token of one tenant the nouns of others are not there: the same 404, word for word, as for what never was. */
export const sees = ({ tenant }: Principal, noun: { readonly tenant: string }): boolean => tenant === undefined || noun.tenant === tenant

/** A controller that this principal may see. Errors: `not-found`. */
export const controllerFor = (store: Pick<Reader, 'get'>, principal: Principal, name: string): Controller => {
  const controller = store.get('controller', name)
  if (controller === undefined || !sees(principal, controller))
    throw new OperationError('not-found', `There is no controller named ${name}.`, { field: 'name' })
  return controller
}

/** An agent that this principal may see. Errors: `not-found`. */
export const agentFor = (store: Pick<Reader, 'get'>, principal: Principal, id: string): Agent => {
  const agent = store.get('agent', id)
  if (agent === undefined || !sees(principal, agent))
    throw new OperationError('not-found', `There is no agent named ${id}.`, { field: 'id' })
  return agent
}

/** A tenant that this principal may see: its own, or any for a token of no tenant. Errors: `not-found`. */
export const tenantFor = (store: Pick<Reader, 'get'>, principal: Principal, name: string): Tenant => {
  const tenant = store.get('tenant', name)
  if (tenant === undefined || !sees(principal, { tenant: tenant.id }))
    throw new OperationError('not-found', `There is no tenant named ${name}.`, { field: 'name' })
  return tenant
}

/**
 * The store, with `check` run at the head of each piece of work. A look before the work would not do: the name could be given to someone else
 * in between.
 */
export const guarded = (store: Pick<Store, 'transact'>, check: (tx: Transaction) => unknown): Pick<Store, 'transact'> => ({
  transact: (work, options) =>
    store.transact(tx => {
      check(tx)
      return work(tx)
    }, options),
})
