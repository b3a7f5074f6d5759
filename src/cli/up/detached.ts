import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SignInLink } from '../../api/contract.ts'
import { layoutOf, prepareHome } from '../../control-plane/index.ts'
import { ManorClient } from '../client.ts'
import type { CommonOptions } from '../command-module.ts'
import { homeOf } from '../connection.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { say } from '../output/print.ts'
import type { UpOptions } from './options.ts'
import { MAIN } from './places.ts'
import { runningManor } from './running.ts'

const LOOK_EVERY_MS = 100
/** Building the console and reading a large store take seconds; longer than this it hangs. */
const START_TIMEOUT_MS = 120_000

/** Starts Manor as a process of its own, waits until it answers, and leaves it. What it says goes to a file in its home. */
export const runDetached = async (context: CliContext, options: UpOptions & CommonOptions): Promise<void> => {
  const home = homeOf(options, context.env)
  const already = await runningManor(home)
  if (already)
    throw new CliError(
      `Manor runs already at ${home} (process ${already.pid}, ${already.url}): end it with ${PROGRAM} down, or choose another --home.`,
    )
  await prepareHome(home)
  const outputFile = join(layoutOf(home).run, 'up.log')
  const output = await open(outputFile, 'w', 0o600)
  const child = spawn(process.execPath, [...process.execArgv, MAIN, 'up', ...wordsOf(home, options)], {
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
    env: { ...context.env, NO_COLOR: '1' },
  })
  await output.close()
  let ended: number | null | undefined
  child.once('exit', code => {
    ended = code
  })
  child.once('error', () => {
    ended = EXIT.failed
  })
  const started = context.clock.monotonic()
  while ((await runningManor(home))?.pid !== child.pid) {
    if (ended !== undefined) throw new CliError(await lastWords(outputFile), exitOf(ended))
    if (context.clock.monotonic() - started > START_TIMEOUT_MS)
      throw new CliError(`Manor has not started within two minutes: see ${outputFile}.`, EXIT.failed)
    await context.clock.sleep(LOOK_EVERY_MS, context.signal)
  }
  child.unref()
  const link = await new ManorClient(context, { home }).send<SignInLink>('POST', '/sign-in-links')
  say(context, `Manor runs in the background (process ${child.pid}); what it says goes to ${outputFile}.`)
  say(context, `The console: ${link.url}`)
  say(context, `${PROGRAM} status shows how it is, ${PROGRAM} down stops it and its controllers.`)
}

const wordsOf = (home: string, options: UpOptions): string[] => [
  '--home',
  home,
  '--port',
  String(options.port),
  ...(options.engine === undefined ? [] : ['--engine', options.engine]),
  ...(options.double ? ['--double'] : []),
  ...(options.newFramework ? ['--new-framework'] : []),
  ...(options.config === undefined ? [] : ['--config', options.config]),
  ...(options.distribution === undefined ? [] : ['--distribution', options.distribution]),
  ...(options.war === undefined ? [] : ['--war', options.war]),
  ...(options.sample ? [] : ['--no-sample']),
]

/** The error that it ended with, without the word that the command line puts before it. */
const lastWords = async (file: string): Promise<string> => {
  const lines = (await readFile(file, 'utf8')).trim().split('\n')
  return (lines.findLast(line => line.startsWith('error: ')) ?? lines.at(-1) ?? 'Manor ended without a word.').replace(/^error: /, '')
}

const exitOf = (code: number | null): ExitCode => (code === EXIT.usage ? EXIT.usage : EXIT.failed)
