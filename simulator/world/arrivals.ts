import type { ControllerId } from '../../src/model/index.ts'
import type { Random } from '../../src/runtime/index.ts'
import type { Arrivals, JobMix, Team } from '../contract.ts'
import { draw, pick, untilNext } from '../kernel/chance.ts'
import type { Job } from './jobs.ts'
import { labelOf } from './jobs.ts'
import { controllerName } from './seed-rows.ts'
import { START, type World } from './world.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MINUTE = 60_000
/** Outside office hours. */
const NIGHT_SHARE = 0.1
/** A moment later, so that what is told of is over. */
const MOMENT_MS = 1

/** Brings jobs to the controllers' queues by the plan's profiles, until the world settles. */
export const startArrivals = (world: World): void => {
  for (const team of world.plan.teams) for (const mix of team.jobs) new Source(world, team, mix).start()
}

class Source {
  readonly #world: World
  readonly #team: Team
  readonly #mix: JobMix
  readonly #random: Random
  readonly #controllers: readonly ControllerId[]

  constructor(world: World, team: Team, mix: JobMix) {
    this.#world = world
    this.#team = team
    this.#mix = mix
    this.#random = world.chance('jobs', team.name, mix.name)
    this.#controllers = Array.from({ length: team.controllers }, (_, i) => controllerName(team, i) as ControllerId)
  }

  start(): void {
    const { arrivals } = this.#mix
    if (this.#controllers.length === 0) return
    switch (arrivals.kind) {
      case 'steady':
        this.#atRandom(() => arrivals.perHour, arrivals.perHour)
        break
      case 'office':
        this.#atRandom(() => officeRate(arrivals, this.#world.now), arrivals.perHour)
        break
      case 'cron':
        this.#cron(arrivals.jobs, arrivals.everyHours * HOUR)
        break
      case 'storm':
        this.#storms(arrivals.jobs, arrivals.perDay)
        break
      case 'constant':
        this.#constant(arrivals.jobs)
        break
    }
  }

  /** A Poisson process whose rate changes, by thinning (Lewis and Shedler, 1979). */
  #atRandom(rate: () => number, most: number): void {
    if (most <= 0) return
    const next = (): void => {
      this.#after(untilNext(this.#random, most), () => {
        if (this.#random.next() * most < rate()) this.#job()
        next()
      })
    }
    next()
  }

  #cron(jobs: number, everyMs: number): void {
    const next = (): void => {
      this.#after(everyMs - ((this.#world.now - START) % everyMs), () => {
        for (let i = 0; i < jobs; i++) this.#job()
        next()
      })
    }
    next()
  }

  #storms(jobs: number, perDay: number): void {
    if (perDay <= 0) return
    const next = (): void => {
      this.#after(untilNext(this.#random, perDay / 24), () => {
        for (let i = 0; i < jobs; i++) this.#after(Math.floor(this.#random.next() * MINUTE), () => this.#job())
        next()
      })
    }
    next()
  }

  /** Spread over the first minute: a fleet that is switched on at once is no fleet at work. */
  #constant(jobs: number): void {
    for (let i = 0; i < jobs; i++) this.#after(Math.floor(this.#random.next() * MINUTE) + MOMENT_MS, () => this.#job())
    const label = labelOf(this.#team, this.#mix)
    this.#world.observers.push({
      buildEnded: (_program, build) => {
        if (build.item.label === label) this.#after(MOMENT_MS, () => this.#job())
      },
    })
  }

  #after(ms: number, work: () => void): void {
    this.#world.kernel.clock.after(ms, () => {
      if (!this.#world.isSettling) work()
    })
  }

  #job(): void {
    const controller = pick(this.#random, this.#controllers)
    if (controller === undefined) return
    const { minutes, fails = 0, leaks = 0, hangs = 0, name } = this.#mix
    const chance = this.#random.next()
    const ends: Job['ends'] =
      chance < fails ? 'FAILURE' : chance < fails + leaks ? 'leak' : chance < fails + leaks + hangs ? 'hang' : 'SUCCESS'
    const buildMs = Math.max(1, draw(this.#random, { median: minutes.median * MINUTE, p95: minutes.p95 * MINUTE }))
    this.#world.enqueue(controller, labelOf(this.#team, this.#mix), { name, team: this.#team.name, mix: this.#mix, buildMs, ends })
  }
}

/** By UTC: the simulated organisation lives in one time zone. */
const officeRate = ({ perHour, fromHour, toHour }: Extract<Arrivals, { kind: 'office' }>, now: number): number => {
  const sinceMonday = (now - START) % (7 * DAY)
  const hour = (sinceMonday % DAY) / HOUR
  const isOpen = sinceMonday < 5 * DAY && hour >= fromHour && hour < toHour
  return isOpen ? perHour : perHour * NIGHT_SHARE
}
