import { type Host, SECOND } from '../model/index.ts'

/** A host that looks as before is written down again this often, so that readers can tell when it was seen last. */
const SEEN_EVERY_MS = 10 * SECOND

/** Whether a host is to be written down. All hosts are compared at each look: text to compare would be most of what an idle Manor does. */
export const isNews = (before: Host | undefined, now: Host): boolean =>
  before === undefined || now.seenAt - before.seenAt >= SEEN_EVERY_MS || !isSame(before, now, 'seenAt')

/** Whether two pieces of plain data are equal, but for a field of this name at the top. Nothing is allocated for it. */
const isSame = (a: unknown, b: unknown, but?: string): boolean => {
  if (a === b) return true
  if (!isObject(a) || !isObject(b)) return false
  let more = 0
  for (const name in a) {
    if (name !== but && !isSame(a[name], b[name])) return false
    more++
  }
  for (const _name in b) more--
  return more === 0
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null
