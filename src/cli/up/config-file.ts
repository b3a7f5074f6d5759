import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Config, ConfigError, ENGINE_KINDS, type EngineKind, parseConfig } from '../../config/index.ts'
import { hasCode } from '../../runtime/index.ts'
import { CliError } from '../errors.ts'

export type ConfigOptions = {
  readonly engine?: EngineKind
  readonly config?: string
  readonly double?: boolean
  readonly newFramework?: boolean
}

export const parseEngine = (what: string, text: string): EngineKind => {
  const kind = ENGINE_KINDS.find(one => one === text)
  if (kind === undefined) throw new CliError(`${what} is "${text}": give one of ${ENGINE_KINDS.join(', ')}.`)
  return kind
}

/**
 * The settings of a start: of the file that was named, else of manor.yaml in the home. `--engine` writes that file where there is none, so that
 * later starts and `down` find the same engine; it cannot change it, since what runs on one engine is not there on another. Rejects with a
 * CliError.
 */
export const readConfig = async (options: ConfigOptions, home: string): Promise<Config> => {
  const config = await readEngine(options, home)
  if (options.newFramework && config.engine.kind !== 'mesos' && config.engine.kind !== 'marathon')
    throw new CliError(`--new-framework is of the engines mesos and marathon, and ${home} runs on ${config.engine.kind}: leave it out.`)
  return config
}

const readEngine = async ({ engine, config: named, double = false }: ConfigOptions, home: string): Promise<Config> => {
  if (double && engine !== 'mesos' && engine !== 'marathon')
    throw new CliError('--double stands for a cluster that is not there: give --engine mesos or --engine marathon with it.')
  const path = named ?? join(home, 'manor.yaml')
  const text = await textOf(path, named !== undefined)
  const config = parse(path, text ?? '')
  if (engine === undefined || engine === config.engine.kind) return config
  if (text !== undefined || (await hasStarted(home)))
    throw new CliError(
      `${home} runs on the engine ${config.engine.kind}, and --engine says ${engine}: what runs there would be lost from sight. Give another home with --home.`,
    )
  const settings = double ? `{ kind: ${engine}, double: true }` : engine
  const chosen = `# What runs controllers and agents: docs/configure.md.\nengine: ${settings}\n`
  // A file that would be refused is not left behind.
  parse(path, chosen)
  await writeFile(path, chosen, { flag: 'wx', mode: 0o644 })
  return parse(path, chosen)
}

const hasStarted = async (home: string): Promise<boolean> => (await textOf(join(home, 'manor.key'), false)) !== undefined

const parse = (path: string, text: string): Config => {
  try {
    return parseConfig(path, text)
  } catch (cause) {
    throw cause instanceof ConfigError ? new CliError(cause.message, undefined, { cause }) : cause
  }
}

const textOf = async (path: string, isNamed: boolean): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (hasCode(cause, 'ENOENT') && !isNamed) return undefined
    throw new CliError(`${path} cannot be read: ${hasCode(cause, 'ENOENT') ? 'there is no such file' : String(cause)}.`)
  }
}
