import { type Host, SECOND } from '../model/index.ts'
import type { Store } from '../store/index.ts'

/** A host that looks as before is written down again this often, so that readers can tell when it was seen last. */
const SEEN_EVERY_MS = 10 * SECOND

/** Keeps the rows of hosts as the engine last told of them. They are volatile: the engine tells again after a restart. */
export const keepHosts = async (store: Store, hosts: readonly Host[]): Promise<void> => {
  const before = new Map(store.list('host').map(host => [host.id, host]))
  const changed = hosts.filter(host => isNews(before.get(host.id), host))
  for (const { id } of hosts) before.delete(id)
  if (changed.length === 0 && before.size === 0) return
  await store.transact(tx => {
    for (const host of changed) tx.put('host', host)
    for (const id of before.keys()) tx.remove('host', id)
  })
}

const isNews = (before: Host | undefined, now: Host): boolean =>
  before === undefined ||
  now.seenAt - before.seenAt >= SEEN_EVERY_MS ||
  JSON.stringify({ ...before, seenAt: 0 }) !== JSON.stringify({ ...now, seenAt: 0 })
