import type { Reason, Timestamp } from '../model/index.ts'
import { HOST, type Scheduler, type Task } from '../scheduler/index.ts'

type Why = Omit<Reason, 'since'>

/** Most names or values that a sentence lists. */
const NAMED = 12

/** Why a task waits, with what only the broker knows: what hosts say of themselves, and that hosts are lent. Linear in the hosts. */
export const whyWaiting = (scheduler: Scheduler, id: string, now: Timestamp, areHostsLent: boolean): Why | undefined => {
  const told = scheduler.explain(id, now)
  const task = scheduler.queue.get(id)
  if (told === undefined || task === undefined) return told
  if (areHostsLent && scheduler.fleet.size === 0) return NOTHING_LENT
  if (told.code !== 'no-capacity') return told
  return unknownAttribute(scheduler, task) ?? told
}

const NOTHING_LENT: Why = {
  code: 'no-capacity',
  message: 'The engine offers no host now; it was told that this waits.',
  mend: "Wait for the engine's other work to end, or add a host to it.",
}

/** A constraint that no host meets because of its name or value; hosts that would be too small or full are another matter. */
const unknownAttribute = (scheduler: Scheduler, { constraints }: Task): Why | undefined => {
  const wanted = Object.entries(constraints)
  if (wanted.length === 0 || scheduler.fleet.size === 0) return undefined
  const known = attributesOf(scheduler)
  for (const [name, value] of wanted) {
    const values = known.get(name)
    if (values === undefined) {
      const names = [...known.keys()].filter(other => other !== HOST)
      return {
        code: 'no-capacity',
        message: `It asks for a host with ${name}=${value}, and no host has an attribute ${name}; ${names.length === 0 ? 'hosts have no attributes at all' : `the attributes that hosts have are ${listed(names)}`}.`,
        mend: 'Correct the constraints of the template, or give a host that attribute.',
      }
    }
    if (!values.has(value))
      return {
        code: 'no-capacity',
        message: `It asks for a host with ${name}=${value}, and no host has that; what hosts have for ${name} is ${listed([...values])}.`,
        mend: 'Correct the constraints of the template, or add such a host.',
      }
  }
  return undefined
}

const attributesOf = ({ fleet }: Scheduler): ReadonlyMap<string, ReadonlySet<string>> => {
  const known = new Map<string, Set<string>>()
  for (const slot of fleet.order.slots()) {
    const host = fleet.record(slot)?.host
    for (const [name, value] of Object.entries({ [HOST]: host?.id ?? '', ...host?.attributes }))
      known.set(name, (known.get(name) ?? new Set()).add(value))
  }
  return known
}

const listed = (all: readonly string[]): string => {
  const named = all.toSorted().slice(0, NAMED).join(', ')
  return all.length > NAMED ? `${named} and ${all.length - NAMED} more` : named
}
