import type { Event } from '../../src/model/index.ts'
import type { Change } from '../../src/store/index.ts'
import type { ControllerProgram } from './controller-program.ts'
import type { Run } from './engine.ts'
import type { Build, Home, Item } from './jenkins.ts'
import type { Machine } from './machines.ts'
import type { Manor } from './manor.ts'

/** Who watches the world: invariants and statistics. Each is told of what it names; it must not change anything. */
export type Observer = {
  /** Its process begins; by the time that it is up it has decided already. */
  manorBegins?(): void
  manorUp?(manor: Manor): void
  manorDown?(): void
  manorError?(id: string, cause: unknown): void
  /** A row or an event that a running Manor has committed. */
  change?(change: Change): void
  event?(event: Event): void
  /** The engine has taken a workload on, was asked to stop one, or nothing of it runs any more. */
  started?(run: Run): void
  /** Its process runs from now on. */
  begins?(run: Run): void
  stopAsked?(run: Run): void
  gone?(run: Run): void
  hostLost?(machine: Machine): void
  serves?(program: ControllerProgram): void
  /** A Manor has welcomed a run of a controller; when it was asked, that epoch was the row's. */
  heard?(program: ControllerProgram, epochBefore: number | undefined): void
  queued?(item: Item, controller: string): void
  buildBegan?(program: ControllerProgram, build: Build, node: string): void
  buildEnded?(program: ControllerProgram, build: Build, node: string, result: string): void
  homeRetired?(home: Home): void
  /** Now and then, for what is linear in the fleet. */
  look?(): void
  /** Faults are over and the world has had its time to come to rest. */
  atEnd?(): void
}
