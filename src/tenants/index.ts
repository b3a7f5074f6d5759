/**
 * Tenants: who shares the fleet, and how. Owns the `tenant` rows: nobody else writes one (but for the first, which the control plane makes
 * with the store). What the rows say is carried out by the scheduler, through the agents broker.
 *
 * Imports model, store, and the errors of controllers. Start at check.ts (pure: what may be promised), then operations.ts.
 */
export { type Promises, promiseNotes, promisesOf, type TenantChange } from './check.ts'
export { allowAccess, changeTenant, createTenant, deleteTenant, MAX_TENANTS, type NewTenant } from './operations.ts'
