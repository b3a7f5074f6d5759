import type { FaultLevel } from '../contract.ts'
import { untilNext } from '../kernel/chance.ts'
import type { World } from '../world/world.ts'
import { CALL_FAULTS } from './calls.ts'
import type { Fault } from './fault.ts'
import { hostDies, hostSilent, zoneDies } from './hosts.ts'
import { clockSteps, diskFull, diskSlow, writeRefused } from './machine.ts'
import { manorKilled, manorKilledInACall, powerLost } from './manor.ts'
import { marathonTwoTasks } from './marathon.ts'
import { hintsDisordered, hintsLost, partition } from './network.ts'
import { manorDiesOnAnAnswer, personChangesTemplate, personRestarts, personStops, personTries } from './people.ts'
import { agentKilled, controllerHangs, controllerKilled, controllerRestartsInside, endedRunSpeaks, templateBroken } from './programs.ts'

/** Everything that can go wrong. docs/add-a-fault.md says how to add one. */
export const FAULTS: readonly Fault[] = [
  manorKilledInACall,
  manorKilled,
  powerLost,
  hostDies,
  zoneDies,
  hostSilent,
  partition,
  hintsLost,
  hintsDisordered,
  ...CALL_FAULTS,
  diskFull,
  writeRefused,
  diskSlow,
  clockSteps,
  controllerKilled,
  controllerHangs,
  controllerRestartsInside,
  endedRunSpeaks,
  agentKilled,
  templateBroken,
  personRestarts,
  personStops,
  personTries,
  personChangesTemplate,
  manorDiesOnAnAnswer,
  marathonTwoTasks,
]
export const FAULT_NAMES: readonly string[] = FAULTS.map(({ name }) => name)

/** Rates per virtual hour for a level, as a plan has them. */
export const faultRates = (level: FaultLevel): Readonly<Record<string, number>> =>
  level === 'none' ? {} : Object.fromEntries(FAULTS.map(({ name, rates }) => [name, rates[level]]))

/** Draws all faults of the plan, numbers them in the order in which they happen, and has those happen that are not left out. */
export const scheduleFaults = (world: World): void => {
  const { plan, kernel } = world
  const unknown = Object.keys(plan.faults).filter(name => !FAULT_NAMES.includes(name))
  if (unknown.length > 0) throw new Error(`There is no fault "${unknown.join('", "')}": known are ${FAULT_NAMES.join(', ')}.`)
  const drawn: { readonly at: number; readonly fault: Fault; readonly count: number }[] = []
  for (const fault of FAULTS) {
    const rate = plan.faults[fault.name] ?? 0
    if (rate <= 0) continue
    const random = world.chance('fault-times', fault.name)
    let count = 0
    for (let at = untilNext(random, rate); at < plan.activeMs; at += untilNext(random, rate)) drawn.push({ at, fault, count: ++count })
  }
  drawn.sort((a, b) => a.at - b.at || (a.fault.name < b.fault.name ? -1 : 1))
  const without = new Set(plan.without)
  for (const [number, { at, fault, count }] of drawn.entries()) {
    if (without.has(number)) continue
    kernel.clock.after(at, () => {
      const detail = fault.begin(world, world.chance('fault', fault.name, count))
      if (detail === undefined) return
      world.log.add(`fault ${number} ${fault.name}: ${detail}`)
      world.faults.push({ number, name: fault.name, at: kernel.elapsedMs, detail })
    })
  }
}
