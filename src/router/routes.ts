import { prefixOf } from '../controllers/index.ts'
import { type Controller, type ControllerPhase, controllerId, type Reason, type Timestamp } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

/** Where requests for one controller go, and what to say while they cannot. */
export type RouteTarget = {
  readonly name: string
  /** Path under which the program serves, without a slash at the end; the same on both sides of the router. */
  readonly prefix: string
  readonly phase: ControllerPhase
  readonly since: Timestamp
  readonly reason?: Reason
  /** Where the program listens; absent for a controller that was never started. */
  readonly endpoint?: { readonly host: string; readonly port: number }
}

/** The route table as the router needs it. */
export interface Routes {
  /** The route of a name exactly as it was written in a path or host; O(1), called once a request. */
  find(name: string): RouteTarget | undefined
}

/**
 * The route table of a store. A look-up reads the committed rows in memory, so a change is visible with the commit itself and there is no
 * copy that could lag; a row's route is built once, rows being immutable, and forgotten with the row.
 */
export const routesFromStore = (store: Pick<Reader, 'get'>): Routes => {
  const routes = new WeakMap<Controller, RouteTarget>()
  return {
    find: name => {
      const controller = store.get('controller', controllerId(name))
      if (controller === undefined) return undefined
      const known = routes.get(controller)
      if (known !== undefined) return known
      const route = routeOf(controller)
      routes.set(controller, route)
      return route
    },
  }
}

const routeOf = ({ id, phase, phaseSince, reason, endpoint }: Controller): RouteTarget => ({
  name: id,
  prefix: prefixOf(id),
  phase,
  since: phaseSince,
  ...(reason === undefined ? {} : { reason }),
  ...(endpoint === undefined ? {} : { endpoint: { host: endpoint.host, port: endpoint.httpPort } }),
})

/**
 * Whether requests are sent on in this phase. Not before `ready`: until its hook has run, a program may serve without having been secured.
 * An unreachable controller's host is silent towards the engine, which does not mean that its program does not answer.
 */
export const isServing = (phase: ControllerPhase): boolean => phase === 'ready' || phase === 'quieting' || phase === 'unreachable'
