import type { Random } from '../../src/runtime/index.ts'
import type { Spread } from '../contract.ts'
import { between, draw, happens } from '../kernel/chance.ts'
import { ProcessClock } from '../kernel/process-clock.ts'
import type { ControllerProgram } from './controller-program.ts'
import type { Run } from './engine.ts'
import type { Build } from './jenkins.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

/** From the start of the process to its first try to connect: 0.5 to 0.9 s measured (facts: jenkins-measured), more on a busy host. */
const BEGIN: Spread = { median: 700, p95: 2_000 }
/** Waits between its tries; the last one for ever. */
const RETRIES_MS = [1_000, 3_000, 7_000, 10_000] as const
/** A person aborts a build that hangs. */
export const HANG_MS = 30 * 60_000
/** An agent whose controller has closed the connection for good may end by itself, or go on to try. */
const ENDS_BY_ITSELF = 0.5

/** The process of one agent: connects to its controller, runs what it is given, tries again when the connection breaks. */
export class AgentProgram implements Process {
  readonly name: string
  readonly run: Run
  readonly clock: ProcessClock
  readonly #world: World
  readonly #random: Random
  /** Where its command says that its controller is. */
  readonly #address: string
  #controller: ControllerProgram | undefined
  #build: Build | undefined
  #cancelRetry: (() => void) | undefined
  readonly #neverConnects: boolean

  constructor(world: World, run: Run) {
    this.#world = world
    this.run = run
    this.name = run.workload.labels.noun
    this.clock = new ProcessClock(world.kernel.clock)
    this.#random = world.chance('agent', this.name)
    this.#address = addressOf(run.workload.command)
    const sabotage = world.sabotageOf(run)
    this.#neverConnects = sabotage === 'never-connects'
    if (sabotage === 'exits') this.clock.after(between(this.#random, 20, 400), () => this.#exit(1))
    else this.#tryAfter(draw(this.#random, BEGIN), 0)
  }

  get isBuilding(): boolean {
    return this.#build !== undefined
  }

  /** Runs a build that its controller gave it. */
  begin(build: Build): void {
    this.#build = build
    const { buildMs, ends } = build.item.job
    this.clock.after(ends === 'hang' ? HANG_MS : buildMs, () => {
      if (this.#build !== build) return
      if (ends === 'leak') this.#outOfMemory()
      else this.#over(build, ends === 'hang' ? 'ABORTED' : ends)
    })
  }

  /** Its controller closed the connection. */
  connectionClosed(): void {
    if (this.#controller === undefined) return
    this.#controller = undefined
    this.#build = undefined
    if (happens(this.#random, ENDS_BY_ITSELF) && this.#world.programAt(this.#address) !== undefined)
      this.clock.after(between(this.#random, 5, 500), () => this.#exit(0))
    else this.#tryAfter(RETRIES_MS[0], 1)
  }

  /** Drops a connection over a network that is cut. */
  checkConnection(): void {
    const controller = this.#controller
    if (controller === undefined || this.#world.connects(this.run, controller.run)) return
    this.#world.log.add(`agent: ${this.name} lost its connection`)
    this.#controller = undefined
    this.#build = undefined
    controller.jenkins.disconnect(this.name)
    this.#tryAfter(RETRIES_MS[0], 1)
  }

  terminate(): void {
    this.clock.after(between(this.#random, 20, 300), () => this.#exit(EXIT_TERMINATED))
  }

  kill(): void {
    if (!this.clock.alive) return
    this.clock.kill()
    this.#build = undefined
    this.#world.agents.delete(this.name)
    const controller = this.#controller
    this.#controller = undefined
    if (controller) this.#world.connectionLost(this, controller)
  }

  #tryAfter(ms: number, tries: number): void {
    this.#cancelRetry?.()
    this.#cancelRetry = this.clock.after(ms, () => this.#try(tries))
  }

  #try(tries: number): void {
    if (this.#controller || this.#neverConnects) return
    const program = this.#world.programAt(this.#address)
    if (program?.answers && this.#world.connects(this.run, program.run)) {
      // Set before the controller is told: it may give it a build at once.
      this.#controller = program
      if (program.jenkins.connect(this.name)) {
        this.#world.log.add(`agent: ${this.name} is connected`)
        return
      }
      this.#controller = undefined
    }
    this.#tryAfter(RETRIES_MS[Math.min(tries, RETRIES_MS.length - 1)] ?? RETRIES_MS[0], tries + 1)
  }

  #over(build: Build, result: string): void {
    this.#build = undefined
    this.#controller?.jenkins.finish(this.name, build, result)
  }

  #outOfMemory(): void {
    const { run } = this
    this.kill()
    this.#world.engine.exit(run, { code: 137, oom: true })
  }

  #exit(code: number): void {
    const { run } = this
    this.kill()
    this.#world.engine.exit(run, { code })
  }
}

const EXIT_TERMINATED = 143

/** The controller's host and port, out of the URL in the command. */
const addressOf = (command: readonly string[]): string => {
  const url = command.find(word => word.startsWith('http://'))
  return url === undefined ? '' : new URL(url).host
}
