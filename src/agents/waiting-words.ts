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
  return unknownValue(scheduler, task) ?? told
}

const NOTHING_LENT: Why = {
  code: 'no-capacity',
  message: 'The engine offers no host now; it was told that this waits.',
  mend: "Wait for the engine's other work to end, or add a host to it.",
}

/** A constraint whose name hosts know and whose value none of them has: the values are told, as the scheduler tells the names. */
const unknownValue = ({ fleet }: Scheduler, { constraints }: Task): Why | undefined => {
  const wanted = Object.entries(constraints)
  if (wanted.length === 0) return undefined
  const hosts = Array.from(fleet.order.slots(), slot => fleet.record(slot)?.host).filter(host => host !== undefined)
  for (const [name, value] of wanted) {
    const values = new Set(hosts.map(host => (name === HOST ? host.id : host.attributes[name])).filter(one => one !== undefined))
    if (values.size === 0 || values.has(value)) continue
    return {
      code: 'no-capacity',
      message: `It asks for a host with ${name}=${value}, which none of ${hosts.length} ${hosts.length === 1 ? 'host' : 'hosts'} is; for ${name} hosts have ${listed([...values])}.`,
      mend: 'Correct the constraints of the template, or add such a host.',
    }
  }
  return undefined
}

const listed = (all: readonly string[]): string => {
  const named = all.toSorted().slice(0, NAMED).join(', ')
  return all.length > NAMED ? `${named} and ${all.length - NAMED} more` : named
}
