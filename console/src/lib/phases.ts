/** What phases mean to the eye and in words; the shapes themselves are in styles/glyphs.css. */
import type { ControllerView } from '../../../src/api/contract.ts'
import { CONTROLLER_PHASES, type ControllerPhase } from '../../../src/model/index.ts'

export { CONTROLLER_PHASES, type ControllerPhase }

/** In the order of a bar: what serves, what comes, what goes, what is out. */
export const PHASES_BY_WEIGHT: readonly ControllerPhase[] = [
  'ready',
  'starting',
  'preparing',
  'pending',
  'quieting',
  'stopping',
  'deleting',
  'stopped',
  'unreachable',
  'failed',
]

export const PHASE_MEANING: Readonly<Record<ControllerPhase, string>> = {
  pending: 'waits for room on a host',
  preparing: 'its volume and program are being laid out',
  starting: 'its program is booting',
  ready: 'serves people and builds',
  quieting: 'takes no new builds and waits for running ones',
  stopping: 'is being taken down',
  stopped: 'is down because its owner wants it so',
  failed: 'could not start, and will be tried again',
  unreachable: 'its host is silent',
  deleting: 'is being removed',
}

export const isPhase = (text: string): text is ControllerPhase => CONTROLLER_PHASES.some(phase => phase === text)

/** One line for a screen reader that stands on a square. */
export const describeController = (controller: ControllerView): string => {
  const parts = [controller.id, controller.phase]
  if (controller.running > 0) parts.push(`${controller.running} building`)
  if (controller.queued > 0) parts.push(`${controller.queued} waiting`)
  return parts.join(', ')
}

/** Groups phases for the wall's filter: a chip for each phase that has controllers. */
export const countPhases = (controllers: readonly ControllerView[]): ReadonlyMap<ControllerPhase, number> => {
  const counts = new Map<ControllerPhase, number>()
  for (const { phase } of controllers) counts.set(phase, (counts.get(phase) ?? 0) + 1)
  return counts
}
