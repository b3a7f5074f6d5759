import { evict } from '../agents/index.ts'
import { fleetState, moveController, OperationError } from '../controllers/index.ts'
import type { Engine } from '../engines/engine.ts'
import type { Observer } from '../engines/observer.ts'
import {
  asWanted,
  type Controller,
  type ControllerId,
  type Host,
  type HostId,
  type HostWanted,
  NO_RESOURCES,
  type Reason,
  SECOND,
  toldOf,
} from '../model/index.ts'
import { type Clock, deadline, type Random, ReconcileLoop } from '../runtime/index.ts'
import type { Store } from '../store/index.ts'
import { type DrainView, decideDrain } from './drain.ts'
import { isNews } from './news.ts'
import { NOBODY, type Residents, residentsByHost } from './residents.ts'
import { isSettled, purposeWanted, settled, stepOf } from './steer.ts'

/** All that the hosts' room needs of the outside. */
export type HostPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly engine: Pick<Engine, 'placement' | 'controllerPlacement' | 'hostControl'>
  readonly observer: Pick<Observer, 'all'>
  readonly onError: (id: string, cause: unknown) => void
}

const RESYNC_MS = 10 * SECOND
/** From one look to the next: each is linear in all that runs, and a busy fleet changes hundreds of times a second. */
const SPACING_MS = SECOND
const STEER_TIMEOUT_MS = 20 * SECOND
const KEY = 'hosts'

/**
 * Keeps the rows of hosts, as the engine tells of them with what is wanted laid over it, and carries out what is wanted: an engine that places
 * by itself is told, and hosts that are to be empty are emptied (drain.ts). It stands still while nothing is wanted of any host.
 *
 * Remembered beside the rows are what each drain waits for and which controller it moved last; a Manor that was killed finds the first out
 * anew, and without the second it moves the next controller a little early.
 */
export class HostKeeper {
  readonly #ports: HostPorts
  readonly #loop: ReconcileLoop
  readonly #progress = new Map<HostId, Reason>()
  readonly #moved = new Map<HostId, ControllerId>()
  #kept: Promise<void> = Promise.resolve()
  #unsubscribe: (() => void) | undefined
  #isStarted = false
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(ports: HostPorts) {
    this.#ports = ports
    this.#loop = new ReconcileLoop({
      name: KEY,
      clock: ports.clock,
      random: ports.random,
      concurrency: 1,
      resyncMs: RESYNC_MS,
      keys: () => [KEY],
      reconcile: (_key, signal) => this.#look(signal),
      onError: (_key, cause) => ports.onError(KEY, cause),
    })
  }

  start(): void {
    this.#unsubscribe = this.#ports.store.feed.subscribe(entries => {
      if (entries.some(entry => 'change' in entry && entry.change.kind === 'host-wanted')) this.#begin()
      else if (this.#isStarted && entries.some(entry => 'change' in entry && CONCERNS.has(entry.change.kind))) this.#loop.wake(KEY)
    })
    if (this.#ports.store.list('host-wanted').length > 0) this.#begin()
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    await this.#loop.stop()
    await this.#kept
  }

  /** Takes what the engine told of all its hosts. Resolves once it is written. */
  told(hosts: readonly Host[]): Promise<void> {
    this.#kept = this.#kept.then(() => this.#keep(hosts)).catch(cause => this.#ports.onError(KEY, cause))
    return this.#kept
  }

  #begin(): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY
    if (this.#isStarted) this.#loop.wake(KEY)
    else this.#loop.start()
    this.#isStarted = true
  }

  /** Rows of hosts are volatile: the engine tells again after a restart. */
  async #keep(told: readonly Host[]): Promise<void> {
    const { store } = this.#ports
    const changed = told.filter(host => isNews(store.get('host', host.id), this.#asWanted(host, store.get('host-wanted', host.id))))
    const gone = this.#gone(told)
    if (changed.length === 0 && gone.length === 0) return
    await store.transact(tx => {
      // What is wanted may have changed since: it is laid over once more.
      for (const host of changed) tx.put('host', this.#asWanted(host, tx.get('host-wanted', host.id)))
      for (const { id } of gone) tx.remove('host', id)
    })
  }

  /** Rows of hosts that the engine tells of no more. With each list it is asked, and mostly there are none: then it is one look-up for each. */
  #gone(told: readonly Host[]): readonly Host[] {
    const { store } = this.#ports
    const before = store.list('host')
    let known = 0
    for (const { id } of told) if (store.get('host', id) !== undefined) known++
    if (known === before.length) return NONE_GONE
    const ids = new Set(told.map(({ id }) => id))
    return before.filter(({ id }) => !ids.has(id))
  }

  #asWanted(host: Host, wanted: HostWanted | undefined): Host {
    return asWanted(host, wanted, wanted?.service === 'drained' && wanted.drainedAt === undefined ? this.#progress.get(host.id) : undefined)
  }

  async #look(signal: AbortSignal): Promise<number | undefined> {
    const { store, clock, observer, onError } = this.#ports
    const restMs = this.#lookedAt + SPACING_MS - clock.monotonic()
    if (restMs > 0) return restMs
    this.#lookedAt = clock.monotonic()
    const all = store.list('host-wanted')
    const residents = all.some(({ id, service }) => service === 'drained' && store.get('host', id) !== undefined)
      ? residentsByHost(store, observer.all())
      : new Map<HostId, Residents>()
    const times: number[] = []
    for (const wanted of all) {
      const host = store.get('host', wanted.id)
      if (host === undefined) continue
      try {
        await this.#steer(host, wanted, signal)
        const againMs = wanted.service === 'drained' ? await this.#drain(host, wanted, residents) : undefined
        if (againMs !== undefined) times.push(againMs)
      } catch (cause) {
        if (signal.aborted) throw cause
        // One host that cannot be told of it keeps no other waiting.
        onError(host.id, cause)
        times.push(RESYNC_MS)
      }
    }
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** Tells an engine that places by itself. */
  async #steer(host: Host, wanted: HostWanted, parent: AbortSignal): Promise<void> {
    const { hostControl } = this.#ports.engine
    const told = toldOf(host)
    if (hostControl !== undefined && told.state !== 'silent') {
      const limit = deadline(this.#ports.clock, STEER_TIMEOUT_MS, parent)
      try {
        const purpose = purposeWanted(told, wanted)
        if (purpose !== undefined) await hostControl.assign(host.id, purpose, limit.signal)
        const step = stepOf(told, wanted)
        if (step === 'drain') await hostControl.drain(host.id, 0, limit.signal)
        else if (step !== undefined) await hostControl[step](host.id, limit.signal)
      } finally {
        limit.done()
      }
    }
    if (isSettled(told, wanted, hostControl !== undefined)) await this.#settle(host.id)
  }

  /** It takes work again, so that is wanted of it no more: whoever changes it at the engine from now on is not overruled. */
  async #settle(id: HostId): Promise<void> {
    await this.#ports.store.transact(tx => {
      const wanted = tx.get('host-wanted', id)
      if (wanted?.service !== 'open') return
      const rest = settled(wanted)
      if (rest === undefined) tx.remove('host-wanted', id)
      else tx.put('host-wanted', rest)
      tx.event({ kind: 'host', subject: id, type: 'opened', actor: 'manor', message: `Host ${id} takes work again.` })
    })
  }

  async #drain(host: Host, wanted: HostWanted, residents: ReadonlyMap<HostId, Residents>): Promise<number | undefined> {
    if (wanted.drainedAt !== undefined && isEmpty(residents.get(host.id))) return undefined
    const step = decideDrain(this.#view(host, wanted, residents))
    switch (step.kind) {
      case 'wait':
        await this.#explain(host, step.reason)
        return step.againMs
      case 'end-agents':
        await this.#ports.store.transact(tx => {
          const lost = step.agents.filter(agent => evict(tx, agent.id, step.why)).map(({ id }) => id)
          if (lost.length === 0) return
          const message = `Host ${host.id} is being emptied: ${lost.length === 1 ? `agent ${lost[0]} is` : `${lost.length} agents are`} ended.`
          tx.event({ kind: 'host', subject: host.id, type: 'agents-ended', actor: 'manor', message, data: { agents: lost.length } })
        })
        return SPACING_MS
      case 'move':
        await this.#move(host, step.controller)
        return SPACING_MS
      case 'done':
        await this.#done(host)
        return undefined
    }
  }

  #view(host: Host, wanted: HostWanted, residents: ReadonlyMap<HostId, Residents>): DrainView {
    const { store, clock, engine } = this.#ports
    const moved = store.get('controller', this.#moved.get(host.id) ?? '')
    return {
      host,
      wanted,
      residents: residents.get(host.id) ?? NOBODY,
      others: store
        .list('host')
        .filter(({ id }) => id !== host.id)
        .map(other => ({ host: other, used: residents.get(other.id)?.used ?? NO_RESOURCES })),
      moved,
      mayMove:
        fleetState(store) === 'up' &&
        ((engine.controllerPlacement ?? engine.placement) === 'manor' ||
          (engine.controllerPlacement === undefined && engine.hostControl !== undefined)),
      now: clock.now(),
    }
  }

  /** Shows what the drain waits for, unless that is what is shown already. */
  async #explain(host: Host, reason: Omit<Reason, 'since'>): Promise<void> {
    const { store, clock } = this.#ports
    const before = this.#progress.get(host.id)
    if (before?.code === reason.code && before.message === reason.message) return
    this.#progress.set(host.id, { ...reason, since: clock.now() })
    await store.transact(tx => {
      const now = tx.get('host', host.id)
      if (now !== undefined) tx.put('host', this.#asWanted(now, tx.get('host-wanted', host.id)))
    })
  }

  async #move(host: Host, controller: Controller): Promise<void> {
    try {
      await moveController(this.#ports.store, controller.id, host.id)
      this.#moved.set(host.id, controller.id)
    } catch (cause) {
      // It is in another phase by now, or gone: the next look sees what is so.
      if (!(cause instanceof OperationError)) throw cause
    }
  }

  async #done(host: Host): Promise<void> {
    this.#progress.delete(host.id)
    this.#moved.delete(host.id)
    await this.#ports.store.transact(tx => {
      const wanted = tx.get('host-wanted', host.id)
      const now = tx.get('host', host.id)
      if (wanted?.service !== 'drained' || wanted.drainedAt !== undefined) return
      const drained = { ...wanted, drainedAt: tx.now }
      tx.put('host-wanted', drained)
      if (now !== undefined) tx.put('host', asWanted(now, drained))
      const message = `Host ${host.id} is drained: nothing of Manor runs on it any more.`
      tx.event({ kind: 'host', subject: host.id, type: 'drained', actor: 'manor', message })
    })
  }
}

const NONE_GONE: readonly Host[] = []

/** Rows whose changes may bring a drain on. */
const CONCERNS: ReadonlySet<string> = new Set(['agent', 'controller', 'setting'])

const isEmpty = (residents: Residents | undefined): boolean =>
  residents === undefined || residents.controllers.length + residents.agents.length + residents.strays === 0
