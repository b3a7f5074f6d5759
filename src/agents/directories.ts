import { chown, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { agentId, type Controller, type ControllerId, controllerId } from '../model/index.ts'
import { hasCode } from '../runtime/index.ts'
import type { AgentDirectories } from './ports.ts'

export type AgentDirectoriesOptions = {
  /** Holds a directory for each agent. */
  readonly workRoot: string
  /**
   * Holds a directory for each controller: its agents share the jars that it sends. Others must not, since whoever can write a jar there runs
   * in every agent that reads it; so a controller that is made again under an old name starts with none, too.
   */
  readonly jarCaches: string
  /** Who owns the new directories of a controller's agents; undefined leaves them to who runs Manor. */
  readonly ownerOf: (controller: ControllerId) => { readonly uid: number; readonly gid: number } | undefined
}

/** Agents' directories on this machine. */
export const createAgentDirectories = ({ workRoot, jarCaches, ownerOf }: AgentDirectoriesOptions): AgentDirectories => {
  const make = async (root: string, name: string, controller: ControllerId): Promise<string> => {
    const path = join(root, name)
    await mkdir(root, { recursive: true, mode: 0o755 })
    try {
      await mkdir(path, { mode: 0o750 })
    } catch (cause) {
      if (!hasCode(cause, 'EEXIST')) throw cause
    }
    // Also where it was there: a crash may have come between making it and giving it away.
    const owner = ownerOf(controller)
    if (owner) await chown(path, owner.uid, owner.gid)
    return path
  }
  return {
    workDirectory: agent => join(workRoot, agent),
    prepare: async (agent, controller) => {
      await make(workRoot, agent, controller.id)
      return { jarCache: await make(jarCaches, cacheName(controller), controller.id) }
    },
    remove: agent => rm(join(workRoot, agent), { recursive: true, force: true }),
    list: async () => (await namesIn(workRoot)).map(agentId),
    sweepJarCaches: async isCurrent => {
      for (const name of await namesIn(jarCaches)) {
        const [, id, createdAt] = CACHE_NAME.exec(name) ?? []
        if (id !== undefined && isCurrent(controllerId(id), Number(createdAt))) continue
        await rm(join(jarCaches, name), { recursive: true, force: true })
      }
    },
  }
}

/** A name says which controller, and which of those that ever had this name. */
const cacheName = ({ id, createdAt }: Pick<Controller, 'id' | 'createdAt'>): string => `${id}.${createdAt}`
const CACHE_NAME = /^(.+)\.(\d+)$/

const namesIn = async (directory: string): Promise<readonly string[]> => {
  try {
    return await readdir(directory)
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return []
    throw cause
  }
}
