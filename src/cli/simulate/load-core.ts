import type { Core } from './core.ts'

/** The simulator itself; loaded only where it is needed, since it brings the whole control plane. */
export const loadCore = async (): Promise<Core> => {
  const { decodePlan, encodePlan, faultRates, minimise, seedFleet, talkFleet } = await import('../../../simulator/index.ts')
  const { comesToRest } = await import('../../../simulator/invariants/progress.ts')
  return {
    seedPlan: seedFleet,
    scalePlan: ({ faults, ...size }) => ({ ...talkFleet(size), faults: faultRates(faults) }),
    minimise: (plan, options) => minimise(plan, options),
    encode: encodePlan,
    decode: decodePlan,
    isOverload: ({ invariant }) => invariant === comesToRest.name,
  }
}
