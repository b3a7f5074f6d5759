import { chown, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { agentId, type TenantId } from '../model/index.ts'
import type { AgentDirectories } from './ports.ts'

export type AgentDirectoriesOptions = {
  /** Holds a directory for each agent. */
  readonly workRoot: string
  /** Holds a directory for each tenant: agents of one team share the jars that their controllers send, teams share nothing. */
  readonly jarCaches: string
  /** Who owns a tenant's new directories; undefined leaves them to who runs Manor. */
  readonly ownerOf: (tenant: TenantId) => { readonly uid: number; readonly gid: number } | undefined
}

/** Agents' directories on this machine. */
export const createAgentDirectories = ({ workRoot, jarCaches, ownerOf }: AgentDirectoriesOptions): AgentDirectories => {
  const make = async (root: string, name: string, tenant: TenantId): Promise<string> => {
    const path = join(root, name)
    await mkdir(root, { recursive: true, mode: 0o755 })
    try {
      await mkdir(path, { mode: 0o750 })
    } catch (cause) {
      if (!hasCode(cause, 'EEXIST')) throw cause
    }
    // Also where it was there: a crash may have come between making it and giving it away.
    const owner = ownerOf(tenant)
    if (owner) await chown(path, owner.uid, owner.gid)
    return path
  }
  return {
    workDirectory: agent => join(workRoot, agent),
    prepare: async (agent, tenant) => {
      await make(workRoot, agent, tenant)
      return { jarCache: await make(jarCaches, tenant, tenant) }
    },
    remove: agent => rm(join(workRoot, agent), { recursive: true, force: true }),
    list: async () => {
      try {
        return (await readdir(workRoot)).map(agentId)
      } catch (cause) {
        if (hasCode(cause, 'ENOENT')) return []
        throw cause
      }
    },
  }
}

const hasCode = (cause: unknown, code: string): boolean => cause instanceof Error && 'code' in cause && cause.code === code
