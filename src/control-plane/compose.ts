import { AgentsBroker, type AgentsPorts } from '../agents/index.ts'
import { type ControllerPorts, ControllerReconciler } from '../controllers/index.ts'
import { Observer } from '../engines/index.ts'
import { HostKeeper } from '../hosts/index.ts'
import type { Observation } from '../model/index.ts'

/** Everything of an engine is listed this often, whatever its hints said. */
const OBSERVE_INTERVAL_MS = 2_000

/** All that the loops need of the outside; the simulator gives its own. What they give each other is not among it. */
export type PlanePorts = Omit<ControllerPorts, 'observer' | 'place'> &
  Omit<AgentsPorts, 'observer'> & {
    /** Makes of what the engine tells what everybody is to see; absent: as it is told. */
    readonly readObservation?: (observation: Observation) => Observation
    /** Hears of everything that is seen, after the loops. */
    readonly onObserved?: (observation: Observation) => void
  }

/** The loops of a control plane over one store and one engine, without any server in front. */
export type Plane = {
  readonly observer: Observer
  readonly broker: AgentsBroker
  /** Looks at the truth once, then begins. Rejects where the engine cannot be asked. */
  start(): Promise<void>
  /** Ends the loops; what they had begun in the outside goes on. */
  stop(): Promise<void>
}

export const composePlane = (ports: PlanePorts): Plane => {
  const { clock, engine, onError } = ports
  let hostsKept = Promise.resolve()
  const observer = new Observer({
    engine,
    clock,
    intervalMs: OBSERVE_INTERVAL_MS,
    ...(ports.readObservation === undefined ? {} : { read: ports.readObservation }),
    onChange: observation => {
      controllers.observed(observation)
      broker.observed(observation)
      ports.onObserved?.(observation)
    },
    onHosts: hosts => {
      hostsKept = keeper.told(hosts)
    },
    onError: cause => onError('engine', cause),
  })
  const keeper = new HostKeeper({ ...ports, observer })
  const broker = new AgentsBroker({ ...ports, observer }, id => controllers.placed(id))
  const controllers = new ControllerReconciler({ ...ports, observer, place: broker.placeController })
  return {
    observer,
    broker,
    start: async () => {
      // Nothing may be decided before the truth was seen once.
      await observer.current()
      await hostsKept
      observer.start()
      controllers.start()
      broker.start()
      keeper.start()
    },
    stop: async () => {
      await Promise.all([controllers.stop(), broker.stop(), keeper.stop()])
      await observer.stop()
    },
  }
}
