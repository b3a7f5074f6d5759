import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type CliContext, PROGRAM } from './context.ts'
import { CliError } from './errors.ts'

/** Options that every command takes: where Manor is. */
export type ConnectionOptions = { readonly home?: string; readonly url?: string; readonly token?: string }

export type Connection = {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string
  /** How to name it in a sentence: `at HOME` or `at URL`. */
  readonly place: string
}

/** The directory that holds everything of one Manor: --home, MANOR_HOME, or ~/.manor. */
export const homeOf = (options: ConnectionOptions, env: CliContext['env']): string =>
  resolve(options.home ?? (env.MANOR_HOME || join(env.HOME || homedir(), '.manor')))

/**
 * Where Manor listens and the token to come with. An address that was named (--url, MANOR_URL) wants a token that was named too: the token of
 * the home is its administrator's and goes to no other address. Otherwise both are what a running Manor left in its home. Throws a CliError
 * where none runs.
 */
export const findConnection = async (options: ConnectionOptions, env: CliContext['env']): Promise<Connection> => {
  const token = options.token ?? (env.MANOR_TOKEN || undefined)
  // A home that was named on the line is meant more than an address that the environment holds.
  const url = options.url ?? (options.home === undefined ? env.MANOR_URL || undefined : undefined)
  if (url !== undefined) {
    if (token === undefined)
      throw new CliError(`A token is needed for ${url}: give --token or set MANOR_TOKEN ("${PROGRAM} token create" makes one).`)
    return { url: checkUrl(url), token, place: `at ${url}` }
  }
  const home = homeOf(options, env)
  const runFile = await readPrivate(join(home, 'run', 'manor.json'), home)
  const homeToken = token ?? (await readPrivate(join(home, 'run', 'token'), home))
  if (runFile === undefined || homeToken === undefined) throw notRunning(`at ${home}`)
  return { url: urlOfRunFile(runFile, home), token: homeToken.trim(), place: `at ${home}` }
}

export const notRunning = (place: string, options?: ErrorOptions): CliError =>
  new CliError(`Manor is not running ${place}: start it with ${PROGRAM} up.`, undefined, options)

const checkUrl = (text: string): string => {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new CliError(`--url is "${text}": give an address like http://localhost:8080.`)
  return url.href.replace(/\/+$/, '')
}

const urlOfRunFile = (text: string, home: string): string => {
  const complaint = `${join(home, 'run', 'manor.json')} does not say where Manor listens: start it anew with ${PROGRAM} up.`
  try {
    const { url } = JSON.parse(text) as { readonly url?: unknown }
    if (typeof url === 'string' && URL.canParse(url)) return url.replace(/\/+$/, '')
  } catch (cause) {
    throw new CliError(complaint, undefined, { cause })
  }
  throw new CliError(complaint)
}

const readPrivate = async (path: string, home: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'EACCES')
      throw new CliError(`${path} cannot be read by this user: run as the user whose Manor it is, or give --url and --token.`, undefined, {
        cause,
      })
    throw new CliError(`${path} cannot be read (${code}): check the home ${home}.`, undefined, { cause })
  }
}
