import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Config, ConfigError } from '../config/index.ts'
import type { Programs } from '../controllers/index.ts'
import type { Engine } from '../engines/index.ts'
import type { ControllerId } from '../model/index.ts'
import { type Clock, hasCode, type Random } from '../runtime/index.ts'
import type { Store } from '../store/index.ts'
import type { Layout } from './layout.ts'

export type Owner = { readonly uid: number; readonly gid: number }

/** An engine with what the control plane has to know of where its workloads live. */
export type OpenedEngine = AsyncDisposable & {
  readonly engine: Engine
  /** Who owns the home of a controller and the directories of its builds on this machine; undefined leaves them to who runs Manor. */
  ownerOfHome(controller: ControllerId): Owner | undefined
  ownerOfAgents(controller: ControllerId): Owner | undefined
  /** Programs as workloads of this engine find them. */
  programs(ofThisMachine: Programs): Programs
}

/** What workloads ask at the door beside what their hooks say. */
export type StartHandler = (request: IncomingMessage, response: ServerResponse) => void

export type EngineOptions = {
  readonly config: Config
  readonly store: Store
  readonly owner: string
  readonly layout: Layout
  readonly cacheDirectory: string
  readonly hostName: string
  readonly hookScript: string
  readonly clock: Clock
  readonly random: Random
  readonly onWarning: (message: string) => void
  /** Starts doubles of Mesos and Marathon here; absent where this Manor has none. */
  readonly startDoubles?: StartDoubles
  /** Begin a new framework in Mesos: the one before was removed there, and a person has decided that nothing of it runs any more. */
  readonly newFramework: boolean
  /** Opens Manor's door for workloads that do not share its loopback. */
  readonly openDoor: (listen: { readonly host: string; readonly port: number }, url?: string) => Promise<OpenDoor>
}

/** Both are ended with what they give back. */
export type StartDoubles = (
  kind: 'mesos' | 'marathon',
  directory: string,
) => Promise<AsyncDisposable & { readonly leaders: readonly string[]; readonly urls: readonly string[] }>

export type OpenDoor = {
  readonly port: number
  /** Under which workloads reach it, without a slash at its end. */
  readonly url: string
  /** Who answers `/start/v1/`; until it is set, those who ask are told to come again. */
  onStart(handler: StartHandler): void
}

/** Where workloads look for Manor unless manor.yaml says otherwise: beside Manor's own port. */
export const DOOR_PORT = 7_071

/** A file that a field of manor.yaml names. Rejects with a ConfigError. */
export const readText = async (path: string, field: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const why = hasCode(cause, 'ENOENT') ? 'is not there' : 'cannot be read'
    throw new ConfigError(`${field} is ${path}, which ${why}: give the path of a file that Manor may read.`, { cause })
  }
}
