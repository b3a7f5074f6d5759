import type { Workload } from '../../model/index.ts'
import { EngineError } from '../engine.ts'
import type { Claim } from './offer-desk.ts'

/** Each port's number: those that were given to the workload, in the order of their names, or others of its offers. */
export const choosePorts = (workload: Workload, claim: Claim): Record<string, number> => {
  const fixed = new Set(Object.values(workload.ports).filter(port => port !== 0))
  const given = claim.ports.filter(port => !fixed.has(port))
  const chosen: Record<string, number> = {}
  const taken = new Set(fixed)
  for (const [name, wanted] of Object.entries(workload.ports)) {
    const port = wanted === 0 ? (given.shift() ?? claim.pool.freePort(taken)) : wanted
    if (port === undefined || !claim.pool.hasPort(port))
      throw new EngineError(
        {
          code: 'no-capacity',
          message: `The port ${name}${port === undefined ? '' : ` (${port})`} of ${workload.id} is not among the ports that its host offers.`,
          mend: "Wait until it is free, or ask for another one in the range of the Mesos agents' ports.",
        },
        true,
        { placeIsGone: true },
      )
    taken.add(port)
    chosen[name] = port
  }
  return chosen
}
