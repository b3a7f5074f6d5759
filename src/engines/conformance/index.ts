/**
 * The suite that holds every engine to the contract (design section 5). An engine's test calls `engineConformance` with a harness; what its
 * machine or kind cannot do is declared, with a reason that is printed, and the declaration is checked too. For tests only: nothing in the
 * product imports this.
 */
import { after, before, describe } from 'node:test'
import { endingTests } from './ending.ts'
import { farSideTests } from './far-side.ts'
import { type Bench, createBench, type EngineCapabilities, type EngineHarness } from './harness.ts'
import { limitTests } from './limits.ts'
import { startingTests } from './starting.ts'

export type { Capability, EngineCapabilities, EngineHarness } from './harness.ts'

/** Registers the whole suite with node:test under a name. */
export const engineConformance = (name: string, capabilities: EngineCapabilities, makeHarness: () => Promise<EngineHarness>): void => {
  describe(name, () => {
    let bench: Bench | undefined
    before(async () => {
      bench = createBench(await makeHarness())
    })
    after(async () => {
      await bench?.harness.dispose()
    })
    const current = (): Bench => {
      if (bench === undefined) throw new TypeError('The harness was not made.')
      return bench
    }
    startingTests(current)
    endingTests(current)
    limitTests(current, capabilities)
    farSideTests(current, capabilities)
  })
}
