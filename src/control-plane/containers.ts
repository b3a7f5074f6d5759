import { join } from 'node:path'
import type { DockerConfig } from '../config/index.ts'
import type { DaemonOptions, RegistryLogin } from '../engines/index.ts'
import { type ImageLoader, programsInImages, programsInNamedImages } from '../images/index.ts'
import { type Clock, deadline } from '../runtime/index.ts'
import { type EngineOptions, type OpenedEngine, type Owner, readText } from './opened-engine.ts'

/** Whose files are in containers: the images' own user, where Manor may give files away. */
export const IMAGE_USER: Owner = { uid: 1_000, gid: 1_000 }

/** Whoever runs Manor without rights can give nothing away, so containers run as that person. */
export const containerUser = (): Owner => {
  const uid = process.getuid?.() ?? 0
  return uid === 0 ? IMAGE_USER : { uid, gid: process.getgid?.() || IMAGE_USER.gid }
}

/** Where Docker's own client looks, too. */
export const usualDaemon = (): string => process.env.DOCKER_HOST || 'unix:///var/run/docker.sock'

type TlsPaths = NonNullable<DockerConfig['daemons']>[number]['tls']

/** The certificates of the daemon at this place of `engine.daemons`. Rejects with a ConfigError. */
export const tlsOf = async (tls: TlsPaths, index: number): Promise<Pick<DaemonOptions, 'tls'>> => {
  if (tls === undefined) return {}
  const read = (name: 'ca' | 'cert' | 'key'): Promise<string> => readText(tls[name], `engine.daemons.${index}.tls.${name}`)
  const [ca, cert, key] = await Promise.all([read('ca'), read('cert'), read('key')])
  return { tls: { ca, cert, key } }
}

/** Logins by registry, their passwords read. Rejects with a ConfigError. */
export const registriesOf = async ({ registries = {} }: Pick<DockerConfig, 'registries'>): Promise<Record<string, RegistryLogin>> =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(registries).map(async ([name, { username, passwordFile }]) => {
        const password = (await readText(passwordFile, `engine.registries.${name}.passwordFile`)).trimEnd()
        return [name, { username, password }] as const
      }),
    ),
  )

/** Programs in the images that the configuration names, else in those that Manor makes itself and `loader` brings to the daemons. */
export const programsFor =
  (
    { images, base }: Pick<DockerConfig, 'images' | 'base'>,
    loader: ImageLoader,
    { hookScript, cacheDirectory }: Pick<EngineOptions, 'hookScript' | 'cacheDirectory'>,
  ): OpenedEngine['programs'] =>
  programs =>
    images === undefined
      ? programsInImages({
          programs,
          loader,
          base: base === undefined ? { kind: 'machine' } : { kind: 'tar', file: base },
          hookScript,
          directory: join(cacheDirectory, 'images'),
        })
      : programsInNamedImages(programs, images)

/** A daemon that is there answers in milliseconds; one that is being started by its first call may take longer. */
const ANSWER_TIMEOUT_MS = 60_000

/** Asks daemons what must be known before an engine is opened. Rejects with a TimeoutError. */
export const askFirst = async <Result>(clock: Clock, ask: (signal: AbortSignal) => Promise<Result>): Promise<Result> => {
  const limit = deadline(clock, ANSWER_TIMEOUT_MS)
  try {
    return await ask(limit.signal)
  } finally {
    limit.done()
  }
}
