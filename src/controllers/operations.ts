import {
  type Controller,
  type ControllerAction,
  type ControllerId,
  type ControllerSpec,
  controllerId,
  type HostId,
  legalActions,
  MINUTE,
  nameProblem,
  SECOND,
  type TenantId,
  tenantId,
} from '../model/index.ts'
import type { Store, Transaction } from '../store/index.ts'
import { type DefaultProgram, defaultProgram } from './default-program.ts'
import { OperationError } from './errors.ts'

/** Paths of the one address that are Manor's own, so that no controller can have them as its prefix. */
export const RESERVED_NAMES: readonly string[] = [
  'api',
  'hook',
  'console',
  'assets',
  'sign-in',
  'sign-out',
  'health',
  'manor',
  'docs',
  'favicon',
]

/** What a controller is made with where its owner says nothing (design section 4). */
export const DEFAULT_SPEC: ControllerSpec = {
  memoryMb: 3072,
  cpu: 1,
  diskMb: 50 * 1024,
  graceMs: 20 * MINUTE,
  distribution: 'jenkins',
}

/** Less than this a controller does not start with: measured, see facts of the small heap in docs/decisions. */
export const MIN_MEMORY_MB = 384
export const MAX_MEMORY_MB = 1_048_576
const MAX_CPU = 1024
const MAX_DISK_MB = 64 * 1_048_576
const MAX_GRACE_MS = 24 * 60 * MINUTE

export const DEFAULT_TENANT: TenantId = tenantId('default')

/** What can be set when a controller is made; whatever is absent is the default. */
export type NewController = { readonly name: string; readonly tenant?: string } & Partial<ControllerSpec>

/**
 * Makes a controller, wanted running. Errors: `invalid` with the field, `exists`, `not-found` for its tenant, `not-ready` before it is
 * known which program can be had here.
 */
export const createController = async (store: Store, wanted: NewController, actor: string): Promise<Controller> => {
  const { name, tenant = DEFAULT_TENANT, ...asked } = wanted
  const problem = nameProblem(name)
  if (problem) throw new OperationError('invalid', `name ${problem}.`, { field: 'name' })
  if (RESERVED_NAMES.includes(name))
    throw new OperationError('invalid', `name "${name}" is a path of Manor's own (${RESERVED_NAMES.join(', ')}): choose another.`, {
      field: 'name',
    })
  // A distribution that is asked for by name is not the default's war.
  const program = asked.distribution === undefined && asked.war === undefined ? decidedProgram(store) : {}
  const spec = checkSpec({ ...DEFAULT_SPEC, ...program, ...asked })
  return store.transact(
    tx => {
      if (tx.get('tenant', tenant) === undefined)
        throw new OperationError('not-found', `There is no tenant named ${tenant}: see "./manor tenant list".`, {
          field: 'tenant',
        })
      if (tx.get('controller', name))
        throw new OperationError('exists', `There is a controller named ${name} already: choose another name.`, { field: 'name' })
      const controller: Controller = {
        id: controllerId(name),
        tenant: tenantId(tenant),
        wanted: 'running',
        spec,
        createdAt: tx.now,
        restartsWanted: 0,
        restartsDone: 0,
        phase: 'pending',
        phaseSince: tx.now,
        epoch: 0,
        failures: 0,
      }
      tx.insert('controller', controller)
      tx.event({
        kind: 'controller',
        subject: name,
        tenant: controller.tenant,
        type: 'created',
        actor,
        message: `Controller ${name} was created with ${spec.memoryMb} MB for tenant ${tenant}.`,
      })
      return controller
    },
    { flush: true },
  )
}

const decidedProgram = (store: Store): DefaultProgram => {
  const program = defaultProgram(store)
  if (program === undefined)
    throw new OperationError(
      'not-ready',
      'Manor has just started for the first time and still finds out which program controllers can run here: try again in a few seconds, or name one (jenkins or hudson).',
      { field: 'distribution' },
    )
  return program
}

/** Changes what a controller is made of; takes effect at its next start. */
export const changeSpec = (
  store: Pick<Store, 'transact'>,
  id: ControllerId,
  change: Partial<ControllerSpec>,
  actor: string,
  ifRevision?: number,
): Promise<Controller> =>
  store.transact(
    tx => {
      const before = existing(tx, id)
      const spec = checkSpec({ ...before.spec, ...change })
      const after = tx.update('controller', id, controller => ({ ...controller, spec }), ifRevision)
      tx.event({
        kind: 'controller',
        subject: id,
        tenant: after.tenant,
        type: 'spec-changed',
        actor,
        message: `Controller ${id} was changed (${Object.keys(change).join(', ')}); this takes effect at its next start.`,
      })
      return after
    },
    { flush: true },
  )

const PAST: Readonly<Record<ControllerAction, string>> = { start: 'started', stop: 'stopped', restart: 'restarted', delete: 'deleted' }

/** Asks for an action. Errors: `not-found`, `illegal-action` with the legal ones. */
export const requestAction = (
  store: Pick<Store, 'transact'>,
  id: ControllerId,
  action: ControllerAction,
  actor: string,
): Promise<Controller> =>
  store.transact(
    tx => {
      const controller = existing(tx, id)
      const allowed = controller.wanted === 'deleted' ? [] : legalActions(controller.phase)
      if (!allowed.includes(action))
        throw new OperationError(
          'illegal-action',
          `Controller ${id} is ${controller.phase} and cannot be ${PAST[action]} now; ${allowed.length > 0 ? `allowed: ${allowed.join(', ')}` : 'nothing is allowed while it is being deleted'}.`,
          { field: 'action', allowed },
        )
      const after = tx.update('controller', id, before => apply(before, action))
      tx.event({
        kind: 'controller',
        subject: id,
        tenant: after.tenant,
        type: `${action}-requested`,
        actor,
        message: `Controller ${id} is to be ${PAST[action]}.`,
      })
      return after
    },
    { flush: true },
  )

/**
 * Has a running controller stop as gently as for a restart and start again, which is elsewhere where its host takes nothing new. Errors:
 * `not-found`; `illegal-action` where it is not running, or is on its way already.
 */
export const moveController = (store: Pick<Store, 'transact'>, id: ControllerId, from: HostId): Promise<Controller> =>
  store.transact(tx => {
    const before = existing(tx, id)
    const { wanted, phase, restartsWanted, restartsDone } = before
    if (wanted !== 'running' || restartsWanted > restartsDone || !legalActions(phase).includes('restart'))
      throw new OperationError('illegal-action', `Controller ${id} is ${phase} and cannot be moved now.`)
    const after = tx.update('controller', id, row => apply(row, 'restart'))
    tx.event({
      kind: 'controller',
      subject: id,
      tenant: after.tenant,
      type: 'move-requested',
      actor: 'manor',
      message: `Controller ${id} is to leave host ${from}, which is being emptied.`,
      data: { host: from },
    })
    return after
  })

const apply = (controller: Controller, action: ControllerAction): Controller => {
  // A person who asks again does not want to wait for the back-off of earlier failures.
  const { nextTryAt: _waited, ...fresh } = { ...controller, failures: 0 }
  switch (action) {
    case 'start':
      return { ...fresh, wanted: 'running' }
    case 'stop':
      return { ...fresh, wanted: 'stopped' }
    case 'restart':
      return { ...fresh, wanted: 'running', restartsWanted: controller.restartsWanted + 1 }
    case 'delete':
      return { ...fresh, wanted: 'deleted' }
  }
}

const existing = (tx: Transaction, id: ControllerId): Controller => {
  const controller = tx.get('controller', id)
  if (!controller) throw new OperationError('not-found', `There is no controller named ${id}.`, { field: 'name' })
  return controller
}

const checkSpec = (spec: ControllerSpec): ControllerSpec => {
  const range = (field: keyof ControllerSpec, value: number, least: number, most: number, unit: string): void => {
    if (!Number.isFinite(value) || value < least || value > most)
      throw new OperationError('invalid', `${field} is ${value}: give ${least} to ${most} ${unit}.`, { field })
  }
  range('memoryMb', spec.memoryMb, MIN_MEMORY_MB, MAX_MEMORY_MB, 'MB')
  range('cpu', spec.cpu, 0.05, MAX_CPU, 'cores')
  range('diskMb', spec.diskMb, 256, MAX_DISK_MB, 'MB')
  range('graceMs', spec.graceMs, 0, MAX_GRACE_MS, 'ms')
  if (spec.war !== undefined && !spec.war.startsWith('/'))
    throw new OperationError('invalid', `war "${spec.war}" is not an absolute path: give one that starts with a slash.`, { field: 'war' })
  if (spec.graceMs > 0 && spec.graceMs < SECOND)
    throw new OperationError('invalid', `graceMs is ${spec.graceMs}: give 0 (do not wait for builds) or at least 1000 ms.`, {
      field: 'graceMs',
    })
  return { ...spec, memoryMb: Math.round(spec.memoryMb), diskMb: Math.round(spec.diskMb) }
}
