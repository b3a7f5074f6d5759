import { type Event, NO_RESOURCES } from '../../src/model/index.ts'
import type { Outcome, Sample, TeamOutcome, Waits } from '../contract.ts'
import type { ControllerProgram } from './controller-program.ts'
import type { Run } from './engine.ts'
import type { Build, Home, Item } from './jenkins.ts'
import { add } from './machines.ts'
import type { Observer } from './observer.ts'
import type { World } from './world.ts'

type OfTeam = { builds: number; readonly waits: number[]; cpuMs: number }

/** Counts what the outcome tells, and takes samples. Waits are kept as whole milliseconds in plain arrays: 8 bytes for each build. */
export class Statistics implements Observer {
  readonly #world: World
  readonly #samples: Sample[] = []
  readonly #teams = new Map<string, OfTeam>()
  readonly #queueToLaunch: number[] = []
  #sinceSample: number[] = []
  readonly #queuedAt = new Map<string, number>()
  readonly #waiting = new Set<Item>()
  #running = 0
  #liveAgents = 0
  #mostRunning = 0
  #queued = 0
  #succeeded = 0
  #failed = 0
  #lost = 0
  placements = 0

  constructor(world: World) {
    this.#world = world
    for (const { name } of world.plan.teams) this.#teams.set(name, { builds: 0, waits: [], cpuMs: 0 })
    const { sampleMs } = world.plan
    const sample = (): void => {
      this.#sample()
      world.kernel.clock.after(sampleMs, sample)
    }
    world.kernel.clock.after(sampleMs, sample)
  }

  /** Items that are in a queue or lost with their home: none once all is done. */
  get waiting(): ReadonlySet<Item> {
    return this.#waiting
  }

  get running(): number {
    return this.#running
  }

  get liveAgents(): number {
    return this.#liveAgents
  }

  queued(item: Item): void {
    this.#queued++
    this.#waiting.add(item)
  }

  started(run: Run): void {
    if (run.workload.labels.kind !== 'agent') return
    this.#liveAgents++
    this.#mostRunning = Math.max(this.#mostRunning, this.#liveAgents)
  }

  gone(run: Run): void {
    if (run.workload.labels.kind === 'agent') this.#liveAgents--
  }

  buildBegan(_program: ControllerProgram, { item }: Build): void {
    this.#running++
    this.#waiting.delete(item)
    this.#teams.get(item.job.team)?.waits.push(this.#world.now - item.since)
  }

  buildEnded(_program: ControllerProgram, { item, startedAt }: Build, _node: string, result: string): void {
    this.#running--
    if (result === 'SUCCESS') this.#succeeded++
    else if (result === 'LOST') this.#lost++
    else this.#failed++
    const team = this.#teams.get(item.job.team)
    if (team === undefined) return
    team.builds++
    team.cpuMs += (this.#world.now - startedAt) * item.job.mix.resources.cpu
  }

  homeRetired({ queue }: Home): void {
    for (const item of queue) this.#waiting.delete(item)
  }

  event({ kind, type, subject, data, at }: Event): void {
    if (kind !== 'agent') return
    if (type === 'created') this.#queuedAt.set(subject, at)
    if (type !== 'phase-changed') return
    if (data.phase === 'placed') this.placements++
    if (data.phase === 'launching') {
      const row = this.#world.store?.get('agent', subject)
      const waited = Math.max(0, at - (row?.queuedAt ?? this.#queuedAt.get(subject) ?? at))
      this.#queueToLaunch.push(waited)
      this.#sinceSample.push(waited)
    }
    if (data.phase === 'launching' || data.phase === 'ended') this.#queuedAt.delete(subject)
  }

  outcome(): Pick<Outcome, 'builds' | 'placements' | 'mostRunning' | 'queueToLaunch' | 'samples' | 'teams'> {
    return {
      builds: { queued: this.#queued, succeeded: this.#succeeded, failed: this.#failed, lost: this.#lost },
      placements: this.placements,
      mostRunning: this.#mostRunning,
      queueToLaunch: waitsOf(this.#queueToLaunch),
      samples: this.#samples,
      teams: Array.from(
        this.#teams,
        ([name, { builds, waits, cpuMs }]): TeamOutcome => ({ name, builds, waits: waitsOf(waits), cpuHours: cpuMs / 3_600_000 }),
      ),
    }
  }

  #sample(): void {
    const world = this.#world
    let capacity = NOTHING
    let used = NOTHING
    let hostsUp = 0
    for (const machine of world.machines) {
      if (machine.state !== 'up') continue
      hostsUp++
      capacity = add(capacity, machine.group.capacity)
      used = add(used, machine.promised)
    }
    const launches = this.#sinceSample.sort((a, b) => a - b)
    this.#sinceSample = []
    let controllersReady = 0
    for (const program of world.programs.values()) if (program.answers) controllersReady++
    this.#samples.push({
      at: world.kernel.elapsedMs,
      queued: this.#waiting.size,
      running: this.#running,
      controllersReady,
      cpuUsed: capacity.cpu > 0 ? used.cpu / capacity.cpu : 0,
      memoryUsed: capacity.memoryMb > 0 ? used.memoryMb / capacity.memoryMb : 0,
      hostsUp,
      queueToLaunchP50Ms: quantile(launches, 0.5),
      queueToLaunchP99Ms: quantile(launches, 0.99),
    })
  }
}

const NOTHING = NO_RESOURCES

const quantile = (sorted: readonly number[], q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0

const waitsOf = (waits: readonly number[]): Waits => {
  const sorted = [...waits].sort((a, b) => a - b)
  return { p50Ms: quantile(sorted, 0.5), p90Ms: quantile(sorted, 0.9), p99Ms: quantile(sorted, 0.99), mostMs: sorted.at(-1) ?? 0 }
}
