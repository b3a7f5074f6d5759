import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { TenantId } from '../../model/index.ts'
import { EngineError } from '../engine.ts'

/** User and group that a tenant's workloads run as. */
export type Identity = { readonly uid: number; readonly gid: number }

type UidRange = readonly [first: number, last: number]

/**
 * User ids for tenants: above those of people and services, around what systemd allots to DynamicUser (61184 to 65519) and nobody (65534),
 * and below the subordinate ids of login.defs (from 100000). Some 34,000 tenants.
 */
export const UID_RANGES: readonly UidRange[] = [
  [61_000, 61_183],
  [65_536, 99_999],
]

const File = Type.Object({ tenants: Type.Record(Type.String(), Type.Integer()) })

/**
 * One user id for each tenant, for ever: files in homes carry it. Kept in a file, written before the id is used; reading and allotting are
 * synchronous and rare.
 */
export class Identities {
  readonly #path: string
  readonly #ranges: readonly UidRange[]
  readonly #tenants: Map<string, number>

  constructor(path: string, ranges = UID_RANGES) {
    this.#path = path
    this.#ranges = ranges
    this.#tenants = readTenants(path)
  }

  of(tenant: TenantId): Identity {
    const uid = this.#tenants.get(tenant) ?? this.#allot(tenant)
    return { uid, gid: uid }
  }

  #allot(tenant: TenantId): number {
    const highest = Math.max(0, ...this.#tenants.values())
    const range = this.#ranges.find(([, last]) => highest < last)
    if (range === undefined)
      throw new EngineError(
        {
          code: 'quota',
          message: `All user ids for tenants, up to ${highest}, are given: there is none left for ${tenant}.`,
          mend: 'Give the process engine a larger range of user ids.',
        },
        false,
      )
    const uid = Math.max(range[0], highest + 1)
    const tenants = Object.fromEntries([...this.#tenants, [tenant, uid]])
    writeDurably(this.#path, JSON.stringify({ tenants }, undefined, 2))
    this.#tenants.set(tenant, uid)
    return uid
  }
}

const readTenants = (path: string): Map<string, number> => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return new Map()
    throw cause
  }
  return new Map(Object.entries(Value.Parse(File, JSON.parse(text)).tenants))
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
