import type { HookService } from '../../src/agents/index.ts'
import type { ControllerId } from '../../src/model/index.ts'
import type { Random } from '../../src/runtime/index.ts'
import type { Spread } from '../contract.ts'
import { between, draw } from '../kernel/chance.ts'
import { ProcessClock } from '../kernel/process-clock.ts'
import type { Run } from './engine.ts'
import { HookClient, VERSION } from './hook-client.ts'
import { type Build, type Home, Jenkins } from './jenkins.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

/** From the start of the process to a served login page. Measured: 5 to 8 s for an empty Jenkins, much more with plugins (facts: jenkins-measured). */
const BOOT: Spread = { median: 9_000, p95: 30_000 }
/** The hook runs before the first page is served. */
const HOOK_SHARE = 0.7
/** From SIGTERM to the exit of one that is idle (facts: jenkins-measured). */
const SHUTDOWN = [100, 1_600] as const
/** Of SIGTERM, and of a restart that was asked for inside (distribution `jenkins`). */
const EXIT_TERMINATED = 143
const EXIT_RESTART = 5

/** One run of a controller's program: it boots, serves, runs builds, and ends. */
export class ControllerProgram implements Process {
  readonly id: ControllerId
  readonly epoch: number
  readonly run: Run
  readonly clock: ProcessClock
  readonly jenkins: Jenkins
  readonly #world: World
  readonly #hook: HookClient
  /** Answers nothing and ends for no signal. */
  isHung = false
  #isEnding = false

  constructor(world: World, run: Run, home: Home, door: (program: ControllerProgram) => HookService) {
    this.#world = world
    this.run = run
    this.id = home.controller
    this.epoch = run.workload.labels.epoch
    const random = world.chance('controller', run.id)
    this.clock = new ProcessClock(world.kernel.clock)
    this.jenkins = new Jenkins(home, this.clock, {
      changed: () => this.#hook.changed(),
      event: event => this.#hook.event(event),
      began: (build, node) => this.#began(build, node),
      ended: (build, node, result) => world.buildEnded(this, build, node, result),
      closed: node => world.agents.get(node)?.connectionClosed(),
    })
    this.#hook = new HookClient({
      controller: this.id,
      epoch: this.epoch,
      session: `session-${run.id}-${world.nextSession()}`,
      clock: this.clock,
      random,
      jenkins: this.jenkins,
      door: door(this),
      // A run that is not wanted any more ends its program, as hook/manor.groovy does.
      onRefused: code => this.#refused(code),
    })
    this.#boot(random)
  }

  get answers(): boolean {
    return this.jenkins.isServing && !this.isHung
  }

  /** What its door says. */
  probe(): { readonly kind: 'ready'; readonly version: string } | { readonly kind: 'starting' } {
    return this.jenkins.isServing ? { kind: 'ready', version: VERSION } : { kind: 'starting' }
  }

  terminate(): void {
    if (this.isHung || this.#isEnding) return
    this.#isEnding = true
    this.clock.after(between(this.#world.chance('shutdown', this.run.id), ...SHUTDOWN), () => this.#exit(EXIT_TERMINATED))
  }

  /** Somebody asks for a restart inside. */
  restartInside(): void {
    if (!this.isHung) this.#exit(EXIT_RESTART)
  }

  kill(): void {
    if (!this.clock.alive) return
    this.clock.kill()
    this.jenkins.end()
    this.#world.programEnded(this)
  }

  #boot(random: Random): void {
    const bootMs = draw(random, BOOT)
    this.clock.after(bootMs * HOOK_SHARE, () => this.#hook.start())
    this.clock.after(bootMs, () => {
      this.jenkins.serve()
      this.#world.serves(this)
    })
  }

  #began(build: Build, node: string): void {
    this.#world.buildBegan(this, build, node)
  }

  #refused(code: string): void {
    this.#world.log.add(`controller: ${this.run.id} is told ${code}`)
    this.terminate()
  }

  #exit(code: number): void {
    const { run } = this
    this.kill()
    this.#world.engine.exit(run, { code })
  }
}
