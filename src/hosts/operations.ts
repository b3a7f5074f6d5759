import { OperationError } from '../controllers/index.ts'
import {
  asWanted,
  HOUR,
  type Host,
  type HostId,
  type HostRole,
  type HostWanted,
  MINUTE,
  SECOND,
  type TenantId,
  toldOf,
} from '../model/index.ts'
import type { NewEvent, Store, Transaction } from '../store/index.ts'
import { settled } from './steer.ts'

type Rows = Pick<Store, 'transact'>

const DAY = 24 * HOUR
/** A deadline that is further off is none. */
const MAX_DRAIN_DAYS = 30
/** Names that an error lists at most: a person reads them. */
const MOST_NAMED = 20

export type HostChange = {
  readonly role?: HostRole
  /** `null` opens it for all tenants. */
  readonly reservedFor?: TenantId | null
}

/** Nothing new comes to the host; what runs there goes on. As with all of these, what is so already is no event. Errors: `not-found`. */
export const cordonHost = (store: Rows, id: HostId, actor: string): Promise<Host | undefined> =>
  serve(store, id, actor, {
    want: (before, since) => (before.service === 'cordoned' ? before : { ...withoutService(before), service: 'cordoned', since }),
    type: 'cordoned',
    message: `Host ${id} was cordoned: it takes nothing new, and what runs there goes on.`,
  })

/**
 * Takes a cordon or a drain back, also one that the engine was told of by others. What has left the host stays where it is. Where an engine has
 * to be told of it, the host takes work once that is; else at once. Errors: `not-found`.
 */
export const uncordonHost = (store: Rows, id: HostId, { isTold }: { readonly isTold: boolean }, actor: string): Promise<Host | undefined> =>
  serve(store, id, actor, {
    want: (before, since, host) => {
      const takesWork = !isTold || (host !== undefined && toldOf(host).state === 'ready')
      if (before.service === 'open' || (before.service === undefined && takesWork)) return before
      const open = { ...withoutService(before), service: 'open', since } as const
      return isTold ? open : settled(open)
    },
    type: 'uncordoned',
    message: isTold ? `Host ${id} is to take work again.` : `Host ${id} takes work again.`,
  })

/**
 * Empties the host: nothing new comes to it, builds end, then controllers move, one after the other. `withinMs` is how long that waits for
 * builds and for room elsewhere: then agents are ended and controllers stopped all the same; absent means as long as it takes. Asked again, the
 * deadline is the new one. Errors: `not-found`, `invalid`.
 */
export const drainHost = async (store: Rows, id: HostId, withinMs: number | undefined, actor: string): Promise<Host | undefined> => {
  if (withinMs !== undefined && !(withinMs >= 0 && withinMs <= MAX_DRAIN_DAYS * DAY)) {
    const given = withinMs > 0 ? spanOf(withinMs) : withinMs
    throw new OperationError('invalid', `deadlineMs is ${given}: give 0 to ${MAX_DRAIN_DAYS} days.`, { field: 'deadlineMs' })
  }
  return serve(store, id, actor, {
    want: (before, now) => {
      const isAsked = before.service === 'drained'
      if (isAsked && before.drainBy === undefined && withinMs === undefined) return before
      return {
        ...withoutService(before),
        service: 'drained',
        ...(isAsked ? {} : { since: now }),
        ...(withinMs === undefined ? {} : { drainBy: now + withinMs }),
      }
    },
    type: 'drain-requested',
    message: `Host ${id} is to be emptied: builds ${withinMs === undefined ? 'may end' : `have ${spanOf(withinMs)}`}, then its controllers move.`,
    ...(withinMs === undefined ? {} : { data: { deadlineMs: withinMs } }),
  })
}

/**
 * Says what a host is for. What runs there goes on, also where it could not come there any more. Errors: `not-found`, `invalid` with the field.
 */
export const changeHost = (store: Rows, id: HostId, change: HostChange, actor: string): Promise<Host | undefined> =>
  store.transact(
    tx => {
      const before = existing(tx, id)
      const { role, reservedFor } = change
      if (typeof reservedFor === 'string' && tx.get('tenant', reservedFor) === undefined)
        throw new OperationError(
          'invalid',
          `reservedFor is "${reservedFor}": there is no such tenant. ${known(tx.list('tenant'), 'tenant')}`,
          { field: 'reservedFor' },
        )
      const message = [
        ...(role === undefined ? [] : [`Host ${id} is for ${role === 'any' ? 'controllers and builds' : `${role} alone`} now.`]),
        ...(reservedFor === undefined
          ? []
          : [reservedFor === null ? `Host ${id} is for all tenants now.` : `Host ${id} is reserved for tenant ${reservedFor} now.`]),
      ].join(' ')
      const isSo = (role ?? before.role) === before.role && (reservedFor === undefined || reservedFor === before.reservedFor)
      if (isSo) return tx.get('host', id)
      return write(tx, id, { ...before, ...change }, { type: 'changed', actor, message, data: { ...change } })
    },
    { flush: true },
  )

type Service = {
  /** Undefined where nothing more is wanted of it; what was wanted so far where nothing changes. */
  readonly want: (before: HostWanted, now: number, host: Host | undefined) => HostWanted | undefined
  readonly type: string
  readonly message: string
  readonly data?: NewEvent['data']
}

const serve = (store: Rows, id: HostId, actor: string, { want, type, message, data = {} }: Service): Promise<Host | undefined> =>
  store.transact(
    tx => {
      const before = existing(tx, id)
      const host = tx.get('host', id)
      const wanted = want(before, tx.now, host)
      return wanted === before ? host : write(tx, id, wanted, { type, actor, message, data })
    },
    { flush: true },
  )

/** Names those that there are, as far as they may be seen. */
export const noSuchHost = (id: string, hosts: readonly { readonly id: string }[]): OperationError =>
  new OperationError('not-found', `There is no host named ${id}. ${known(hosts, 'host')}`, { field: 'name' })

/** What is wanted of a host so far. One that is away is there too, as long as something is wanted of it. */
const existing = (tx: Transaction, id: HostId): HostWanted => {
  const wanted = tx.get('host-wanted', id)
  if (wanted === undefined && tx.get('host', id) === undefined) throw noSuchHost(id, tx.list('host'))
  return wanted ?? { id, since: tx.now }
}

const withoutService = ({ service: _s, drainBy: _d, drainedAt: _a, ...rest }: HostWanted): Omit<HostWanted, 'service'> => rest

/** The host is as it is wanted from this commit on: no pass of the scheduler comes in between. */
const write = (
  tx: Transaction,
  id: HostId,
  wanted: HostWanted | undefined,
  event: Required<Pick<NewEvent, 'type' | 'actor' | 'message' | 'data'>>,
): Host | undefined => {
  if (wanted === undefined) tx.remove('host-wanted', id)
  else tx.put('host-wanted', wanted)
  tx.event({ kind: 'host', subject: id, ...event })
  const host = tx.get('host', id)
  if (host === undefined) return undefined
  const after = asWanted(host, wanted)
  tx.put('host', after)
  return after
}

const known = (rows: readonly { readonly id: string }[], noun: string): string => {
  if (rows.length === 0) return `There is no ${noun} at all yet.`
  const names = rows.map(({ id }) => id).toSorted()
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : ''
  return `There ${names.length === 1 ? 'is' : 'are'}: ${names.slice(0, MOST_NAMED).join(', ')}${more}.`
}

const spanOf = (ms: number): string =>
  ms < MINUTE
    ? `${Math.round(ms / SECOND)} s`
    : ms < 2 * HOUR
      ? `${Math.round(ms / MINUTE)} min`
      : ms < 2 * DAY
        ? `${Math.round(ms / HOUR)} h`
        : `${Math.round(ms / DAY)} days`
