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
  before === undefined || now.seenAt - before.seenAt >= SEEN_EVERY_MS || !isSame({ ...before, seenAt: now.seenAt }, now)

/** Whether two pieces of plain data are equal. All hosts are compared at each look: text to compare would be most of what an idle Manor does. */
const isSame = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (!isObject(a) || !isObject(b)) return false
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every(name => isSame(a[name], b[name]))
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null
