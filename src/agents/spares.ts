import { type Agent, type Controller, isSpare, type Template, type TemplateId, type Timestamp } from '../model/index.ts'

/**
 * Warm spares: agents that a template keeps connected in advance, some for each controller that may use it. An item that they can run is theirs
 * at once, by the controller's own choice or by ours (binding.ts), and another is started in their place. They are no different from other
 * unused agents but for two things: while their template wants them nobody ends them for want of an item, and the scheduler gives their room
 * to whatever else needs it (standing.ts).
 */

/** Most that a template may keep for each controller: each costs a JVM that does nothing, times the controllers that may use the template. */
export const MAX_SPARES = 20

/** Whether any template keeps spares: only then a controller without items and agents is worth a look. */
export const areSparesWanted = (templates: readonly Template[]): boolean => templates.some(({ spares = 0 }) => spares > 0)

export type Pool = {
  /** Those that no item needs and that stay nevertheless. */
  readonly kept: ReadonlySet<Agent>
  readonly unneeded: readonly Agent[]
}

/**
 * Pure: which of the unused agents that no item needs stay; undefined where no template keeps any. `unneeded` in the order in which they are
 * kept. `changedAt`: when a template was changed last; what was launched before is not as it is to be any more.
 */
export const poolOf = (
  templates: readonly Template[],
  controller: Pick<Controller, 'epoch'>,
  unneeded: readonly Agent[],
  changedAt: ReadonlyMap<TemplateId, Timestamp>,
): Pool | undefined => {
  if (!areSparesWanted(templates)) return undefined
  const kept = new Set<Agent>()
  for (const template of templates) {
    const { id, spares = 0 } = template
    const own = unneeded.filter(agent => agent.template === id && isAsNow(agent, template, controller, changedAt.get(id)))
    for (const agent of own.slice(0, spares)) kept.add(agent)
  }
  return { kept, unneeded }
}

/** How many a template lacks. `leaves` says of which it is decided that they end; others that are not kept are not to be doubled. */
export const missingOf = ({ id, spares = 0 }: Template, { unneeded }: Pool, leaves: (agent: Agent) => boolean): number =>
  spares - unneeded.filter(agent => agent.template === id && !leaves(agent)).length

/** Whether it is what the template would start now, for this run of its controller. */
const isAsNow = (agent: Agent, template: Template, { epoch }: Pick<Controller, 'epoch'>, changedAt: Timestamp = 0): boolean =>
  agent.epoch === epoch &&
  (agent.launchedAt ?? changedAt) >= changedAt &&
  agent.label === template.labels.join(' ') &&
  (agent.takesUnlabelled ?? false) === template.takesUnlabelled &&
  agent.resources.cpu === template.resources.cpu &&
  agent.resources.memoryMb === template.resources.memoryMb &&
  agent.resources.diskMb === template.resources.diskMb

/** Kept ones whose rows still name an item that they are not for any more. */
export const namedForNothing = ({ kept }: Pool): Agent[] => [...kept].filter(agent => !isSpare(agent))
