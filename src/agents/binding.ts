import type { Agent, DemandItem, ItemId, Template } from '../model/index.ts'
import type { Matcher } from './match.ts'

/** Agents that could still take an item, best first. */
const UNUSED: readonly Agent['phase'][] = ['online', 'launching', 'placed', 'queued']
const isLaunched = ({ phase }: Agent): boolean => phase === 'online' || phase === 'launching'
const rank = ({ phase }: Agent): number => UNUSED.indexOf(phase)

export type Binding = {
  /** Which unused agent is for which item. */
  readonly bound: ReadonlyMap<ItemId, Agent>
  /** Items without an agent, in the order of the queue. */
  readonly unserved: readonly { readonly item: DemandItem; readonly template: Template }[]
  /** Unused agents that no item needs. */
  readonly spare: readonly Agent[]
}

/**
 * Says which unused agent is for which item.
 *
 * A controller gives an item to whichever node has its label, so the agent that was started for one item may take another, and the other's
 * agent is then as good for the first. Hence the order: agents that were launched keep their item; launched ones whose item is gone get an
 * item that has none launched; then warm spares get one that is another template's and that they can run, since their controller gives it
 * to them anyway; only then agents that were not launched yet keep theirs or get another. What is left is spare, and nothing is started twice. Linear in items + agents but for the search within one template's agents.
 */
export const bind = (
  items: readonly { readonly item: DemandItem; readonly template: Template }[],
  agents: readonly Agent[],
  matcher: Matcher,
): Binding => {
  const unused = agents.filter(({ phase }) => UNUSED.includes(phase)).sort((a, b) => rank(a) - rank(b) || a.queuedAt - b.queuedAt)
  const bound = new Map<ItemId, Agent>()
  if (items.length === 0 || unused.length === 0) return { bound, unserved: items, spare: unused }
  const free = new Set(unused)
  let open = items
  for (const stage of [isLaunched, (agent: Agent) => !isLaunched(agent)]) {
    const candidates = unused.filter(stage)
    const ownOf = Map.groupBy(candidates, ({ item }) => item)
    const give = (pick: (wanted: DemandItem, template: Template) => Agent | undefined): void => {
      open = open.filter(({ item, template }) => {
        const agent = pick(item, template)
        if (agent === undefined) return true
        bound.set(item.id, agent)
        free.delete(agent)
        return false
      })
    }
    give((item, template) => {
      const own = ownOf.get(item.id)?.filter(agent => free.has(agent) && matcher.serves(agent, item))
      return own?.find(agent => agent.template === template.id) ?? own?.[0]
    })
    const byTemplate = Map.groupBy(
      candidates.filter(agent => free.has(agent)),
      ({ template }) => template,
    )
    give((item, template) => {
      const equal = byTemplate.get(template.id) ?? []
      const at = equal.findIndex(agent => matcher.serves(agent, item))
      return at < 0 ? undefined : equal.splice(at, 1)[0]
    })
    const spares = candidates.filter(agent => free.has(agent) && matcher.mayBeSpare(agent))
    if (spares.length > 0)
      give(item => {
        const at = spares.findIndex(agent => matcher.serves(agent, item))
        return at < 0 ? undefined : spares.splice(at, 1)[0]
      })
  }
  return { bound, unserved: open, spare: [...free] }
}
