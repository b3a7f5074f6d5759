import { type Engine, EngineError, type OfferSource, REFUSED_STATUS } from '../../src/engines/index.ts'
import type { Host, HostId, Observation, ObservedState, Reason, Resources, Workload, WorkloadId } from '../../src/model/index.ts'
import type { Random } from '../../src/runtime/index.ts'
import type { EngineShape, Spread } from '../contract.ts'
import { between, draw } from '../kernel/chance.ts'
import { add, fitsInto, hostRow, type Machine } from './machines.ts'
import type { Exit, Process } from './process.ts'
import { StartDoor } from './start-door.ts'
import type { World } from './world.ts'

/** One start of a workload, as it is and as the engine knows it. */
export type Run = {
  readonly workload: Workload
  readonly id: WorkloadId
  machine: Machine | undefined
  /** Which boot of the machine it runs in. */
  boot: number
  /** What is so. `ended` is final. */
  state: Exclude<ObservedState, 'unknown' | 'placing'>
  /** What the engine has heard of it, and what it would hear if its host were not silent. */
  seen: Observation
  next: Observation
  /** Where its observation stands among those of the engine. */
  place: number
  /** Nothing of it runs any more, whatever anybody knows. */
  gone: boolean
  process: Process | undefined
  /** What was promised for it. */
  readonly needs: Resources
  stopAsked: boolean
}

/** How long the engine waits for a host before it says that it is silent. */
const SILENT_AFTER_MS = 10_000
/** A call ends by itself after so long without an answer. */
const CALL_BOUND_MS = 60_000
/** Of a call, each way. */
const LATENCY: Spread = { median: 3, p95: 12 }
/** From a host that has the image to a process that runs (facts: Docker, Mesos and Kubernetes all start a container within a second). */
const START: Spread = { median: 400, p95: 1_500 }
/** An image that is not on the host yet. */
const PULL: Spread = { median: 9_000, p95: 40_000 }

/**
 * An engine of one of three shapes over the world's machines, keeping the contract of engines/engine.ts: once for each id for ever, `unknown` for
 * what a silent host runs, and the end only of what is known to have ended. It outlives every Manor; each Manor gets a view (`connect`).
 */
export class SimulatedEngine {
  readonly name: string
  readonly shape: EngineShape
  readonly runs = new Map<WorkloadId, Run>()
  /** Live runs by the noun that they run for; more than one for a controller is the worst that can happen. */
  readonly liveOf = new Map<string, Set<Run>>()
  /** Where tasks of controllers ask to be let in, if the engine starts some of itself. */
  readonly door: StartDoor
  /** Every id that was ever taken on: asked again, it starts nothing. */
  readonly #taken = new Set<WorkloadId>()
  readonly #waiting = new Set<Run>()
  readonly #world: World
  readonly #random: Random
  readonly #watchers = new Set<(observation: Observation) => void>()
  #list: readonly Observation[] | undefined
  /** What is seen of each run, in the order of `runs`; undefined where it was forgotten. */
  #seen: (Observation | undefined)[] = []
  /** Set by a mutation: a second submit starts a second one. */
  forgetsIds = false

  constructor(world: World, shape: EngineShape) {
    this.#world = world
    this.shape = shape
    this.name = `simulated-${shape}`
    this.#random = world.chance('engine')
    this.door = new StartDoor(world)
  }

  get machines(): readonly Machine[] {
    return this.#world.machines
  }

  /** The engine as one Manor sees it. `offers` is given where hosts are lent in pieces. */
  connect(offers?: OfferSource): Engine {
    return {
      name: this.name,
      placement: this.shape === 'own-placement' ? 'engine' : 'manor',
      volumes: 'service',
      listenAddress: '0.0.0.0',
      ...(offers === undefined ? {} : { offers }),
      submit: (workload, on, signal) => this.#call('submit', signal, () => this.#submit(workload, on)),
      stop: (id, graceMs, signal) => this.#call('stop', signal, () => this.#stop(id, graceMs)),
      remove: (id, signal) => this.#call('remove', signal, () => this.#remove(id)),
      list: signal => this.#call('list', signal, () => this.#listNow()),
      hosts: signal => this.#call('hosts', signal, () => this.#hostsNow()),
      explain: (id, signal) => this.#call('explain', signal, () => this.runs.get(id)?.seen.reason),
      logs: (_id, _bytes, signal) => this.#call('logs', signal, () => ''),
      watch: signal => this.#watch(signal),
    }
  }

  /** Live is what holds a place: from its submit to its end. */
  isLive(id: WorkloadId): boolean {
    const run = this.runs.get(id)
    return run !== undefined && run.state !== 'ended'
  }

  /** A process ended by itself, or was killed by the machine. */
  exit(run: Run, exit: Exit, reason?: Omit<Reason, 'since'>): void {
    if (run.state === 'ended' || run.gone) return
    const why = reason ?? (exit.oom ? OOM : run.stopAsked ? KILLED : exit.code === 0 ? undefined : exitReason(exit.code))
    this.#become(run, 'ended', {
      endedAt: this.#world.now,
      exitCode: exit.code,
      ...(why === undefined ? {} : { reason: { ...why, since: this.#world.now } }),
    })
  }

  /** All processes of a machine are gone, and it tells nobody. */
  machineDied(machine: Machine): void {
    machine.state = 'dead'
    machine.boots++
    machine.images.clear()
    machine.silentSince ??= this.#world.now
    for (const run of this.runs.values()) if (run.machine === machine) this.#goes(run)
    this.#noteSilence(machine)
  }

  machineSilent(machine: Machine): void {
    machine.state = 'silent'
    machine.silentSince = this.#world.now
    this.#noteSilence(machine)
  }

  /** Heard of again: what it runs is as it is, what it lost is lost. */
  machineBack(machine: Machine): void {
    const died = machine.state === 'dead'
    machine.state = 'up'
    machine.silentSince = undefined
    for (const run of this.runs.values()) {
      if (run.machine !== machine) continue
      if (died && run.boot !== machine.boots) this.#lost(run)
      else this.#show(run)
    }
    this.#world.offers?.changed()
    this.#placeWaiting()
  }

  /** The engine knows now that a dead machine never comes back with what it ran. */
  machineDeclaredLost(machine: Machine): void {
    for (const run of this.runs.values()) if (run.machine === machine && run.boot !== machine.boots) this.#lost(run)
  }

  isKnownSilent(machine: Machine): boolean {
    return machine.silentSince !== undefined && this.#world.now - machine.silentSince >= SILENT_AFTER_MS
  }

  #noteSilence(machine: Machine): void {
    this.#world.kernel.clock.after(SILENT_AFTER_MS, () => {
      if (!this.isKnownSilent(machine)) return
      this.#list = undefined
      for (const run of this.runs.values()) if (run.machine === machine) this.#hint(this.#shown(run))
    })
  }

  #lost(run: Run): void {
    if (run.seen.state === 'ended') return
    this.#become(run, 'ended', { endedAt: this.#world.now, reason: { ...NODE_LOST, since: this.#world.now } }, true)
  }

  async #call<T>(name: string, signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    const { clock } = this.#world.kernel
    const trouble = this.#world.troubles.next('engine', name)
    const slow = trouble?.kind === 'slow' ? trouble.ms / 2 : 0
    await clock.sleep(draw(this.#random, LATENCY) + slow)
    if (trouble?.kind === 'lost' || !this.#world.network.reaches('manor', 'engine')) return this.#noAnswer(name, signal)
    if (trouble?.kind === 'late') {
      clock.after(trouble.ms, () => void this.#inVain(work))
      return this.#noAnswer(name, signal)
    }
    if (trouble?.kind === 'refused') throw new EngineError({ code: trouble.code, message: trouble.message }, true)
    const answer = await work()
    if (trouble?.kind === 'doubled') clock.after(trouble.afterMs, () => void this.#inVain(work))
    await clock.sleep(draw(this.#random, LATENCY) + slow)
    if (trouble?.kind === 'answer-lost' || !this.#world.network.reaches('manor', 'engine')) return this.#noAnswer(name, signal)
    return answer
  }

  /** Nobody hears what comes of it. */
  async #inVain(work: () => unknown): Promise<void> {
    try {
      await work()
    } catch (cause) {
      if (!(cause instanceof EngineError)) throw cause
    }
  }

  async #noAnswer(name: string, signal: AbortSignal): Promise<never> {
    await this.#world.kernel.clock.sleep(CALL_BOUND_MS, signal)
    throw new EngineError({ code: 'launch-timeout', message: `The engine did not answer (${name}).` }, true)
  }

  #submit(workload: Workload, on: HostId | undefined): void {
    const { id } = workload
    if (this.#taken.has(id) && !this.forgetsIds) return
    const machine = on === undefined ? undefined : this.machines.find(one => one.id === on)
    if (this.shape !== 'own-placement') {
      if (machine === undefined) throw new EngineError({ code: 'invalid-spec', message: `There is no host ${on ?? ''}.` }, false)
      if (machine.state !== 'up') throw new EngineError({ code: 'node-lost', message: `Host ${machine.id} does not answer.` }, true)
      this.#world.offers?.use(workload, machine)
    }
    this.#taken.add(id)
    const replaced = this.runs.get(id)
    if (replaced) this.#seen[replaced.place] = undefined
    const seen: Observation = { id, labels: workload.labels, state: 'pending', ports: {} }
    const run: Run = {
      workload,
      id,
      machine: undefined,
      boot: 0,
      state: 'pending',
      seen,
      next: seen,
      place: this.#seen.push(seen) - 1,
      gone: false,
      process: undefined,
      needs: this.#world.needsOf(workload),
      stopAsked: false,
    }
    this.runs.set(id, run)
    const { noun } = workload.labels
    const live = this.liveOf.get(noun) ?? new Set<Run>()
    this.liveOf.set(noun, live)
    live.add(run)
    if (this.#asksAtDoor(run)) this.door.submitted(workload)
    this.#world.log.add(`engine: takes ${id}${on === undefined ? '' : ` on ${on}`}`)
    this.#waiting.add(run)
    if (machine) this.#start(run, machine)
    else this.#placeWaiting()
    this.#world.started(run)
  }

  /** Of the engine that places by itself: first come, first served, to the fullest host that has room. */
  #placeWaiting(): void {
    if (this.shape !== 'own-placement') return
    for (const run of this.#waiting) {
      const { kind } = run.workload.labels
      let best: Machine | undefined
      for (const machine of this.machines) {
        if (machine.state !== 'up' || !fitsInto(run.needs, machine.promised, machine.group.capacity)) continue
        if (machine.group.role !== 'any' && machine.group.role !== (kind === 'agent' ? 'builds' : 'controllers')) continue
        if (best === undefined || machine.promised.memoryMb > best.promised.memoryMb) best = machine
      }
      if (best) this.#start(run, best)
    }
  }

  #start(run: Run, machine: Machine): void {
    this.#waiting.delete(run)
    run.machine = machine
    run.boot = machine.boots
    machine.promised = add(machine.promised, run.needs)
    this.#become(run, 'starting', {})
    const image = run.workload.image ?? run.workload.labels.kind
    const pull = machine.images.has(image) ? 0 : draw(this.#random, PULL)
    const { clock } = this.#world.kernel
    const ms = pull + draw(this.#random, START)
    clock.after(ms, () => {
      if (run.state !== 'starting' || run.gone) return
      machine.images.add(image)
      const refusal = this.#asksAtDoor(run) ? this.door.refusal(run.workload, `${run.id}.a`, machine.id) : undefined
      if (refusal !== undefined) {
        this.exit(run, { code: REFUSED_STATUS })
        return
      }
      this.#become(run, 'running', { startedAt: this.#world.now, address: machine.id, ports: portsOf(run.workload) })
      run.process = this.#world.begin(run)
      this.#world.begins(run)
    })
  }

  /** A controller's task of a Marathon; the other shapes start nothing of themselves, and agents have no home. */
  #asksAtDoor({ workload }: Run): boolean {
    return this.shape === 'own-placement' && workload.labels.kind === 'controller'
  }

  async #stop(id: WorkloadId, graceMs: number): Promise<void> {
    const run = this.runs.get(id)
    if (run === undefined || run.state === 'ended') return
    if (run.machine && run.machine.state !== 'up')
      throw new EngineError({ code: 'node-lost', message: `Host ${run.machine.id} does not answer.` }, true)
    this.#world.stopAsked(run)
    run.stopAsked = true
    this.door.stopAsked(id, graceMs)
    const { clock } = this.#world.kernel
    const { process } = run
    if (process === undefined) {
      this.exit(run, { code: 143 }, KILLED)
      return
    }
    if (run.state !== 'stopping') this.#become(run, 'stopping', {})
    process.terminate()
    clock.after(graceMs, () => {
      if (run.state === 'ended' || run.process !== process) return
      this.exit(run, { code: 137 }, KILLED)
    })
    // The engine that places by itself answers at once, the others when it is over.
    if (this.shape === 'own-placement') return
    await this.#over(run, graceMs)
  }

  async #over(run: Run, graceMs: number): Promise<void> {
    const { clock } = this.#world.kernel
    const end = clock.monotonic() + graceMs + between(this.#random, 1, 20)
    while (run.seen.state !== 'ended' && clock.monotonic() < end) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#ends.set(run, resolve)
      const cancel = clock.after(end - clock.monotonic(), resolve)
      await promise
      cancel()
    }
  }
  readonly #ends = new Map<Run, () => void>()

  #remove(id: WorkloadId): void {
    const run = this.runs.get(id)
    if (run === undefined) return
    if (run.seen.state !== 'ended') throw new EngineError({ code: 'invalid-spec', message: `${id} has not ended.` }, false)
    this.runs.delete(id)
    this.door.forgotten(id)
    this.#seen[run.place] = undefined
    this.#list = undefined
    this.#world.log.add(`engine: forgets ${id}`)
  }

  /** Anew at each change. In a large fleet that is at nearly each list, so runs are only looked at where a host is silent. */
  #listNow(): readonly Observation[] {
    if (this.#list !== undefined) return this.#list
    this.#list = this.machines.some(machine => this.isKnownSilent(machine))
      ? Array.from(this.runs.values(), run => this.#shown(run))
      : this.#seen.filter(observation => observation !== undefined)
    if (this.#seen.length > 2 * this.runs.size) this.#closeGaps()
    return this.#list
  }

  #closeGaps(): void {
    this.#seen = []
    for (const run of this.runs.values()) run.place = this.#seen.push(run.seen) - 1
  }

  #hostsNow(): readonly Host[] {
    const { now } = this.#world
    // A host that was declared lost and did not come back is not there any more.
    return this.machines.flatMap(machine =>
      machine.state === 'dead' && this.#world.isDeclaredLost(machine)
        ? []
        : [hostRow(machine, this.name, now, this.isKnownSilent(machine))],
    )
  }

  async *#watch(signal: AbortSignal): AsyncIterable<Observation> {
    const queue: Observation[] = []
    let wake = (): void => undefined
    const watcher = (observation: Observation): void => {
      queue.push(observation)
      wake()
    }
    const onAbort = (): void => wake()
    this.#watchers.add(watcher)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      while (!signal.aborted) {
        if (queue.length === 0)
          await new Promise<void>(resolve => {
            wake = resolve
          })
        // What came together is one hint: whoever follows looks at everything anyway.
        const last = queue.pop()
        queue.length = 0
        if (last) yield last
      }
    } finally {
      this.#watchers.delete(watcher)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #become(run: Run, state: Run['state'], more: Partial<Observation>, known = false): void {
    const before = run.state
    run.state = state
    const { machine } = run
    run.next = { ...run.next, state, ...(machine === undefined ? {} : { host: machine.id }), ...more }
    if (state === 'ended' && before !== 'ended') this.#release(run)
    if (known || machine === undefined || machine.state === 'up') this.#show(run)
  }

  /** The engine hears of it. */
  #show(run: Run): void {
    run.seen = run.next
    if (this.runs.get(run.id) === run) this.#seen[run.place] = run.seen
    this.#list = undefined
    if (run.seen.state === 'ended') {
      this.#ends.get(run)?.()
      this.#ends.delete(run)
    }
    this.#hint(this.#shown(run))
  }

  /** Nothing of it runs from now on. */
  #goes(run: Run): void {
    if (run.gone) return
    run.gone = true
    run.process?.kill()
    run.process = undefined
    const { noun } = run.workload.labels
    const live = this.liveOf.get(noun)
    live?.delete(run)
    if (live?.size === 0) this.liveOf.delete(noun)
    this.#world.gone(run)
  }

  #release(run: Run): void {
    this.#waiting.delete(run)
    this.#goes(run)
    this.door.ended(run.id, run.next.exitCode ?? 0)
    if (run.machine) run.machine.promised = add(run.machine.promised, run.needs, -1)
    this.#world.log.add(`engine: ${run.id} has ended${run.next.reason ? ` (${run.next.reason.code})` : ''}`)
    this.#world.offers?.changed()
    this.#placeWaiting()
  }

  #shown(run: Run): Observation {
    if (run.seen.state === 'ended' || run.machine === undefined || !this.isKnownSilent(run.machine)) return run.seen
    return { ...run.seen, state: 'unknown' }
  }

  #hint(observation: Observation): void {
    const hint = this.#world.hintDelays()
    if (!this.#world.network.reaches('manor', 'engine')) return
    const tell = (): void => {
      for (const watcher of this.#watchers) watcher(observation)
    }
    for (const lateMs of hint) this.#world.kernel.clock.after(draw(this.#random, LATENCY) + lateMs, tell)
  }
}

const portsOf = ({ ports }: Workload): Record<string, number> => ({ ...ports })

const OOM: Omit<Reason, 'since'> = { code: 'oom-container', message: 'It used more memory than it may.' }
const KILLED: Omit<Reason, 'since'> = { code: 'killed-by-us', message: 'It was stopped by Manor.' }
const NODE_LOST: Omit<Reason, 'since'> = { code: 'node-lost', message: 'Its host is lost.' }
const exitReason = (code: number): Omit<Reason, 'since'> => ({ code: 'exit-code', message: `It ended with exit code ${code}.` })
