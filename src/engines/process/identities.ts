import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { hasCode } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'

/** User and group that an account's workloads run as. */
export type Identity = { readonly uid: number; readonly gid: number }

type UidRange = readonly [first: number, last: number]

/**
 * User ids for accounts: above those of people and services, around what systemd allots to DynamicUser (61184 to 65519) and nobody (65534),
 * and below the subordinate ids of login.defs (from 100000). Some 34,000 accounts: two for each name that a controller ever had.
 */
export const UID_RANGES: readonly UidRange[] = [
  [61_000, 61_183],
  [65_536, 99_999],
]

const File = Type.Object({ accounts: Type.Record(Type.String(), Type.Integer()) })

/**
 * One user id for each account, for ever: files in homes carry it. Kept in a file, written before the id is used; reading and allotting are
 * synchronous and rare.
 */
export class Identities {
  readonly #path: string
  readonly #ranges: readonly UidRange[]
  readonly #accounts: Map<string, number>

  constructor(path: string, ranges = UID_RANGES) {
    this.#path = path
    this.#ranges = ranges
    this.#accounts = readAccounts(path)
  }

  of(account: string): Identity {
    const uid = this.#accounts.get(account) ?? this.#allot(account)
    return { uid, gid: uid }
  }

  #allot(account: string): number {
    const highest = Math.max(0, ...this.#accounts.values())
    const range = this.#ranges.find(([, last]) => highest < last)
    if (range === undefined)
      throw new EngineError(
        {
          code: 'quota',
          message: `All user ids for accounts, up to ${highest}, are given: there is none left for ${account}.`,
          mend: 'Give the process engine a larger range of user ids.',
        },
        false,
      )
    const uid = Math.max(range[0], highest + 1)
    const accounts = Object.fromEntries([...this.#accounts, [account, uid]])
    writeDurably(this.#path, JSON.stringify({ accounts }, undefined, 2))
    this.#accounts.set(account, uid)
    return uid
  }
}

const readAccounts = (path: string): Map<string, number> => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return new Map()
    throw cause
  }
  return new Map(Object.entries(Value.Parse(File, JSON.parse(text)).accounts))
}

const writeDurably = (path: string, text: string): void => {
  const fresh = `${path}.new`
  const file = openSync(fresh, 'w', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(fresh, path)
}
