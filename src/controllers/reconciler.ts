import { EngineError } from '../engines/engine.ts'
import {
  type Controller,
  type ControllerEndpoint,
  type ControllerId,
  controllerId,
  type DistributionName,
  MINUTE,
  type Observation,
  type Reason,
  SECOND,
  type Timestamp,
  type WorkloadId,
  workloadId,
} from '../model/index.ts'
import { type Backoff, backoffDelay, deadline, ElapsedTime, integer, ReconcileLoop } from '../runtime/index.ts'
import { StoreError, type Transaction } from '../store/index.ts'
import { type ControllerStep, type ControllerView, decide, LOOPBACK, type Probe, TERMINATION_GRACE_MS } from './decide.ts'
import { fleetState, isFleetSetting, underFleet } from './fleet.ts'
import { launchController, OtherDistribution, prefixOf } from './launch.ts'
import type { ControllerPlace, ControllerPorts } from './ports.ts'
import { dropSecrets, ensureSecrets } from './secrets.ts'

/** Controllers that are worked on at the same time; most of it is waiting for programs to boot. */
const CONCURRENCY = 64
const RESYNC_MS = 30 * SECOND
/** After an unexpected end: quick at first, since most ends are one-off, then slow, since a broken controller only burns the machine. */
const START_BACKOFF: Backoff = { firstMs: SECOND, factor: 3, mostMs: 5 * MINUTE }
/** Ready for this long, a controller's earlier failures are forgotten. */
const HEALTHY_AFTER_MS = 10 * MINUTE
/** How long an answer of the program's door is waited for. */
const PROBE_TIMEOUT_MS = 5 * SECOND
const STOP_POLL_MS = 200
const NO_PLACE_RETRY_MS = 5 * SECOND
/** Lent room that is gone comes back within a round of offers, once a second on Mesos. */
const PLACE_GONE_RETRY_MS = SECOND

/**
 * Carries out what `decide` says, one controller at a time: look, decide, one idempotent step, look again. After a crash the same
 * steps run again and find their own traces: the intent in the row, the workload by its id, the home by its path.
 */
export class ControllerReconciler {
  readonly #ports: ControllerPorts
  readonly #loop: ReconcileLoop
  /** Runs that serve though their hook is silent; at most one a controller. */
  readonly #silent = new Map<ControllerId, { readonly epoch: number; readonly since: Timestamp }>()
  /** Workloads of each controller that were seen and not seen to be gone: its current run and whatever else there is. */
  readonly #seen = new Map<string, Set<WorkloadId>>()
  /** By the monotonic clock. */
  readonly #listeningSince: number
  readonly #elapsed: ElapsedTime
  #unsubscribe: (() => void) | undefined

  constructor(ports: ControllerPorts) {
    this.#ports = ports
    this.#listeningSince = ports.clock.monotonic()
    this.#elapsed = new ElapsedTime(ports.clock)
    this.#loop = new ReconcileLoop({
      name: 'controllers',
      clock: ports.clock,
      random: ports.random,
      concurrency: CONCURRENCY,
      resyncMs: RESYNC_MS,
      keys: () => ports.store.list('controller').map(({ id }) => id),
      reconcile: (key, signal) => this.#reconcile(controllerId(key), signal),
      onError: (key, cause) => ports.onError(key, cause),
    })
  }

  start(): void {
    this.#unsubscribe = this.#ports.store.feed.subscribe(entries => {
      for (const entry of entries) {
        if (!('change' in entry)) continue
        const { kind, id } = entry.change
        if (kind === 'controller' || (kind === 'presence' && this.#waitsForHook(id))) this.#loop.wake(id)
        else if (kind === 'setting' && isFleetSetting(id)) this.#loop.wakeAll()
      }
    })
    this.#loop.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    await this.#loop.stop()
  }

  /** A ready controller's reports are the agents' business: nothing here depends on them, and a fleet's come by the hundred each second. */
  #waitsForHook(id: string): boolean {
    return this.#ports.store.get('controller', id)?.phase !== 'ready'
  }

  /** Something was seen of a controller's workload. */
  observed({ id, labels }: Observation): void {
    if (labels.kind !== 'controller') return
    const seen = this.#seen.get(labels.noun) ?? new Set<WorkloadId>()
    this.#seen.set(labels.noun, seen.add(id))
    this.#loop.wake(labels.noun)
  }

  /** What is seen of a controller's workloads, the current run's left out. */
  #straysOf(noun: string, current: WorkloadId | undefined): Observation[] {
    const seen = this.#seen.get(noun)
    const strays: Observation[] = []
    for (const id of seen ?? []) {
      const observation = this.#ports.observer.get(id)
      if (observation === undefined) seen?.delete(id)
      else if (id !== current && observation.labels.owner === this.#ports.owner) strays.push(observation)
    }
    if (seen?.size === 0) this.#seen.delete(noun)
    return strays
  }

  /** A place that it had asked for was given. */
  placed(id: ControllerId): void {
    this.#loop.wake(id)
  }

  async #reconcile(id: ControllerId, signal: AbortSignal): Promise<number | undefined> {
    const controller = this.#get(id)
    if (controller === undefined) {
      this.#elapsed.forget(id)
      return this.#endStrays(id, signal)
    }
    const step = decide(await this.#look(controller, signal))
    try {
      return await this.#act(controller, step, signal)
    } catch (cause) {
      // The row moved on between the look and the commit: nothing was done, so look again.
      if (cause instanceof StoreError && (cause.code === 'conflict' || cause.code === 'missing')) return 0
      throw cause
    }
  }

  /** What is left of a controller that is no more, or was begun for it late. Of a host that is silent: once it is back. */
  async #endStrays(id: ControllerId, signal: AbortSignal): Promise<number | undefined> {
    const { engine } = this.#ports
    const strays = this.#straysOf(id, undefined).filter(({ state }) => state !== 'unknown')
    for (const { id: stray, state } of strays)
      if (state === 'ended') await engine.remove(stray, signal)
      else await engine.stop(stray, TERMINATION_GRACE_MS, signal)
    if (strays.length === 0) return undefined
    await this.#ports.observer.current()
    return STOP_POLL_MS
  }

  /** The row, as it is to be treated while the fleet is up or down. */
  #get(id: ControllerId): Controller | undefined {
    const controller = this.#ports.store.get('controller', id)
    return controller && underFleet(controller, fleetState(this.#ports.store))
  }

  async #look(controller: Controller, signal: AbortSignal): Promise<ControllerView> {
    const { store, clock, observer } = this.#ports
    let observation = controller.workload === undefined ? undefined : observer.get(controller.workload)
    if (controller.workload !== undefined && observation === undefined) {
      // Absence is only believed from a list that began after the row was written.
      await observer.current()
      observation = observer.get(controller.workload)
    }
    const told = store.get('presence', controller.id)
    const presence = told?.epoch === controller.epoch ? told : undefined
    const monotonic = clock.monotonic()
    const probe = controller.phase === 'starting' && observation?.state === 'running' ? await this.#probe(controller, signal) : undefined
    return {
      controller,
      observation,
      strays: this.#straysOf(controller.id, controller.workload),
      probe,
      servesSilentlySince: this.#servesSilently(controller, probe?.kind === 'ready' && presence === undefined),
      presence,
      heardForMs: presence && monotonic - presence.heardAt,
      listeningForMs: monotonic - this.#listeningSince,
      restartExitCode: this.#ports.distribution(controller.spec.distribution).capabilities.restartExitCode,
      liveAgents: controller.phase === 'deleting' ? store.by('liveAgentsOfController', controller.id).length : 0,
      now: clock.now(),
      phaseForMs: this.#elapsed.since(controller.id, controller.phaseSince),
    }
  }

  /** Since when, by this Manor's eyes: after a restart of Manor the hook gets its time anew. */
  #servesSilently({ id, epoch }: Controller, isSo: boolean): Timestamp | undefined {
    const known = this.#silent.get(id)
    if (!isSo) this.#silent.delete(id)
    else if (known?.epoch !== epoch) this.#silent.set(id, { epoch, since: this.#ports.clock.now() })
    return this.#silent.get(id)?.since
  }

  async #probe(controller: Controller, signal: AbortSignal): Promise<Probe | undefined> {
    if (controller.endpoint === undefined) return undefined
    const { capabilities } = this.#ports.distribution(controller.spec.distribution)
    const limit = deadline(this.#ports.clock, PROBE_TIMEOUT_MS, signal)
    try {
      return await this.#ports.probe(controller.endpoint, prefixOf(controller.id), capabilities, limit.signal)
    } finally {
      limit.done()
    }
  }

  async #act(controller: Controller, step: ControllerStep, signal: AbortSignal): Promise<number | undefined> {
    switch (step.kind) {
      case 'wait':
        await this.#explain(controller, step.reason)
        return step.againMs
      case 'move':
        await this.#move(controller, step)
        return 0
      case 'prepare':
        return this.#prepare(controller)
      case 'launch':
        return this.#launch(controller, signal)
      case 'stop-workload':
        if (controller.workload !== undefined) await this.#ports.engine.stop(controller.workload, step.graceMs, signal)
        await this.#ports.observer.current()
        return STOP_POLL_MS
      case 'forget-workload':
        if (controller.workload !== undefined) await this.#ports.engine.remove(controller.workload, signal)
        await this.#ports.observer.current()
        return 0
      case 'locate': {
        const { host, httpPort } = step.endpoint
        await this.#update(controller, 'located', `Controller ${controller.id} is at ${host}:${httpPort}.`, before => ({
          ...before,
          endpoint: step.endpoint,
        }))
        return 0
      }
      case 'end-stray':
        await this.#ports.engine.stop(step.id, TERMINATION_GRACE_MS, signal)
        await this.#ports.observer.current()
        return STOP_POLL_MS
      case 'forget-stray':
        await this.#ports.engine.remove(step.id, signal)
        await this.#ports.observer.current()
        return 0
      case 'fail':
        await this.#fail(controller, step.reason)
        return 0
      case 'retire':
        await this.#retire(controller, signal)
        return undefined
    }
  }

  /** Stores why it waits, unless that is what is stored already. */
  async #explain(controller: Controller, reason: Omit<Reason, 'since'> | undefined): Promise<void> {
    if (reason === undefined) return
    if (controller.reason?.code === reason.code && isSameNews(reason.code, controller.reason.message, reason.message)) return
    await this.#update(controller, 'reason-changed', reason.message, (before, tx) => ({
      ...before,
      reason: { ...reason, since: before.reason?.code === reason.code ? before.reason.since : tx.now },
    }))
  }

  async #move(controller: Controller, step: Extract<ControllerStep, { kind: 'move' }>): Promise<void> {
    await this.#update(controller, 'phase-changed', `Controller ${controller.id} ${step.message}.`, (before, tx) => {
      const { reason: _old, ...rest } = before
      const moved = {
        ...rest,
        phase: step.to,
        phaseSince: tx.now,
        ...(step.reason === undefined ? {} : { reason: { ...step.reason, since: tx.now } }),
      }
      if (step.to === 'ready' && before.phase === 'starting')
        return { ...moved, readyAt: tx.now, ...(step.version === undefined ? {} : { runningVersion: step.version }) }
      if (step.to === 'stopped' || step.to === 'pending') return { ...moved, failures: 0 }
      return moved
    })
  }

  /** The intent of a run (design rule 2): place, ports, fencing number and workload id are written before anything outside is touched. */
  async #prepare(controller: Controller): Promise<number | undefined> {
    const place = await this.#ports.place(controller)
    if ('reason' in place) {
      await this.#explain(controller, place.reason)
      return NO_PLACE_RETRY_MS
    }
    const { capabilities } = this.#ports.distribution(controller.spec.distribution)
    await this.#update(
      controller,
      'phase-changed',
      `Controller ${controller.id} is preparing${place.host ? ` on ${place.host}` : ''}.`,
      (before, tx) => {
        ensureSecrets(tx, this.#ports.seal, this.#ports.random, before)
        // The same run again where an engine may yet carry out what it was asked: under another id there would be two of them.
        const epoch = place.epoch ?? (before.launchUnsure === true ? before.epoch : tx.nextEpoch())
        const { reason: _r, nextTryAt: _n, readyAt: _a, host: _h, launchUnsure: _u, ...rest } = before
        return {
          ...rest,
          phase: 'preparing',
          phaseSince: tx.now,
          startedAt: tx.now,
          epoch,
          workload: workloadId(`${before.id}.${epoch}`),
          restartsDone: before.restartsWanted,
          ...(place.host === undefined ? {} : { host: place.host }),
          endpoint: this.#endpointFor(before, place, capabilities.agents === 'tcp', tx),
        }
      },
      // On the disk before the engine hears of it: a power cut must not give the same number to another run.
      { flush: true },
    )
    return 0
  }

  /** Ports are kept over runs where they are ours to choose, so that agents find their controller again. */
  #endpointFor({ endpoint }: Controller, place: ControllerPlace, withAgentPort: boolean, tx: Transaction): ControllerEndpoint {
    if (this.#ports.engine.choosesPorts) return { host: LOOPBACK, httpPort: 0, ...(withAgentPort ? { agentPort: 0 } : {}) }
    return endpointOf(place) ?? endpoint ?? { host: LOOPBACK, ...this.#choosePorts(tx, withAgentPort) }
  }

  /** Free ones of the range by chance, so that two Manors on one machine rarely choose the same; the engine finds out if they did. */
  #choosePorts(tx: Transaction, withAgentPort: boolean): { httpPort: number; agentPort?: number } {
    const [first, last] = this.#ports.portRange
    const used = new Set(tx.list('controller').flatMap(({ endpoint }) => (endpoint ? [endpoint.httpPort, endpoint.agentPort ?? 0] : [])))
    const count = last - first + 1
    const choose = (): number => {
      const start = integer(this.#ports.random, count)
      for (let i = 0; i < count; i++) {
        const port = first + ((start + i) % count)
        if (used.has(port)) continue
        used.add(port)
        return port
      }
      throw new Error(`All ports from ${first} to ${last} are taken by controllers: widen the range.`)
    }
    const httpPort = choose()
    return withAgentPort ? { httpPort, agentPort: choose() } : { httpPort }
  }

  async #launch(controller: Controller, signal: AbortSignal): Promise<number | undefined> {
    const { store } = this.#ports
    // A stop that is asked for while the program is still downloaded must not wait for the download.
    const given = new AbortController()
    const unsubscribe = store.feed.subscribe(() => {
      if (this.#get(controller.id)?.wanted !== 'running') given.abort(new DOMException('The start was taken back.', 'AbortError'))
    })
    try {
      const program = await launchController(this.#ports, controller, AbortSignal.any([signal, given.signal]))
      await this.#ports.observer.current()
      if (controller.pinnedVersion !== program.version)
        await this.#update(
          controller,
          'program-chosen',
          `Controller ${controller.id} runs ${program.distribution} ${program.version}.`,
          before => ({
            ...before,
            pinnedVersion: program.version,
          }),
        )
      return 0
    } catch (cause) {
      if (signal.aborted) throw cause
      if (given.signal.aborted) return 0
      if (cause instanceof OtherDistribution) {
        await this.#becomeDistribution(controller, cause.distribution)
        return 0
      }
      if (cause instanceof EngineError && cause.placeIsGone) {
        await this.#placeIsGone(controller, cause)
        return 0
      }
      await this.#launchFailed(controller, cause)
      return 0
    } finally {
      unsubscribe()
    }
  }

  /** A war is what it is, whatever its owner called it. What was prepared for the other is given up: its ports, its pinned version. */
  async #becomeDistribution(controller: Controller, distribution: DistributionName): Promise<void> {
    await this.#update(controller, 'phase-changed', `Controller ${controller.id} runs ${distribution}: its war says so.`, (before, tx) => {
      const { endpoint: _e, pinnedVersion: _p, reason: _r, ...rest } = before
      return { ...rest, spec: { ...before.spec, distribution }, phase: 'pending', phaseSince: tx.now }
    })
  }

  /** What it was lent was taken back before it could start there: no failure of its own, so it gets another place soon. */
  async #placeIsGone(controller: Controller, { reason }: EngineError): Promise<void> {
    await this.#update(
      controller,
      'phase-changed',
      `Controller ${controller.id} waits for another place. ${reason.message}`,
      (before, tx) => {
        const { endpoint: _e, host: _h, reason: _r, ...rest } = before
        return { ...rest, phase: 'pending', phaseSince: tx.now, nextTryAt: tx.now + PLACE_GONE_RETRY_MS }
      },
    )
  }

  async #launchFailed(controller: Controller, cause: unknown): Promise<void> {
    this.#ports.onError(controller.id, cause)
    const reason: Omit<Reason, 'since'> =
      cause instanceof EngineError
        ? cause.reason
        : {
            code: 'distribution-missing',
            message: cause instanceof Error ? cause.message : String(cause),
            mend: 'It is tried again; see the message for what is missing.',
          }
    // A port that someone else holds will not come free by waiting: the next try takes others.
    const dropEndpoint = cause instanceof EngineError && /port/i.test(cause.message)
    const launchUnsure = !(cause instanceof EngineError) || cause.retryable
    await this.#fail(controller, reason, { dropEndpoint, launchUnsure })
  }

  /** `launchUnsure`: its engine refused nothing for good, so it may have taken the run on, or do so yet. */
  async #fail(
    controller: Controller,
    reason: Omit<Reason, 'since'>,
    { dropEndpoint = false, launchUnsure = false }: { readonly dropEndpoint?: boolean; readonly launchUnsure?: boolean } = {},
  ): Promise<void> {
    await this.#update(controller, 'phase-changed', `Controller ${controller.id} failed. ${reason.message}`, (before, tx) => {
      const failures = before.readyAt !== undefined && tx.now - before.readyAt > HEALTHY_AFTER_MS ? 1 : before.failures + 1
      const { endpoint, readyAt: _r, ...rest } = before
      return {
        ...rest,
        ...(endpoint === undefined || dropEndpoint ? {} : { endpoint }),
        ...(launchUnsure ? { launchUnsure } : {}),
        phase: 'failed',
        phaseSince: tx.now,
        reason: { ...reason, since: tx.now },
        failures,
        nextTryAt: tx.now + backoffDelay(START_BACKOFF, failures, this.#ports.random),
      }
    })
  }

  async #retire(controller: Controller, signal: AbortSignal): Promise<void> {
    await this.#ports.homes.retire(controller.id, controller.epoch, signal)
    await this.#ports.store.transact(tx => {
      dropSecrets(tx, controller)
      tx.remove('demand', controller.id)
      tx.remove('presence', controller.id)
      tx.remove('controller', controller.id)
      tx.event({
        kind: 'controller',
        subject: controller.id,
        tenant: controller.tenant,
        type: 'deleted',
        actor: 'manor',
        message: `Controller ${controller.id} is deleted; its home is kept aside for a while.`,
      })
    })
  }

  /** One committed change of the row, refused where the phase or the run is not the one that was looked at. */
  async #update(
    controller: Controller,
    type: string,
    message: string,
    change: (before: Controller, tx: Transaction) => Controller,
    options: { readonly flush?: boolean } = {},
  ): Promise<void> {
    await this.#ports.store.transact(tx => {
      const after = tx.update('controller', controller.id, before => {
        if (before.phase !== controller.phase || before.epoch !== controller.epoch)
          throw new StoreError('conflict', `Controller ${controller.id} moved meanwhile.`)
        return change(before, tx)
      })
      tx.event({
        kind: 'controller',
        subject: controller.id,
        tenant: controller.tenant,
        type,
        actor: 'manor',
        message,
        data: { phase: after.phase, epoch: after.epoch },
      })
    }, options)
  }
}

/** Ports that came with the place; the address is the engine's to tell once it runs (decide.ts). */
const endpointOf = ({ ports: [httpPort, agentPort] = [] }: ControllerPlace): ControllerEndpoint | undefined =>
  httpPort === undefined ? undefined : { host: LOOPBACK, httpPort, ...(agentPort === undefined ? {} : { agentPort }) }

/** How much is free changes all the time: only a refusal of another kind is news, or each look would be an event. */
const isSameNews = (code: Reason['code'], before: string, now: string): boolean =>
  before === now || (code === 'no-capacity' && withoutNumbers(before) === withoutNumbers(now))

const withoutNumbers = (text: string): string => text.replaceAll(/\d+([.,]\d+)?/g, '#')
