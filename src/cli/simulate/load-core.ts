import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Plan } from '../../../simulator/contract.ts'
import type { Core } from './core.ts'

/** The simulator itself; loaded only where it is needed, since it brings the whole control plane. */
export const loadCore = async (): Promise<Core> => {
  const { faultRates, seedFleet, talkFleet } = await import('../../../simulator/index.ts')
  return {
    seedPlan: seedFleet,
    scalePlan: ({ faults, ...size }) => ({ ...talkFleet(size), faults: faultRates(faults) }),
    minimise: async outcome => outcome,
    encode: plan => deflateRawSync(JSON.stringify(plan)).toString('base64url'),
    decode: text => JSON.parse(inflateRawSync(Buffer.from(text, 'base64url')).toString()) as Plan,
    isOverload: () => false,
  }
}
