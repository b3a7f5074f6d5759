/**
 * The double's agent, with the command line of a real agent.jar: connects by WebSocket, shows its name and secret, runs what it is given as shell
 * scripts on this machine. Tries again after 1, 3, 7 and then every 10 s, for ever, as the real one does.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { systemClock } from '../../../src/runtime/index.ts'
import type { FromAgent, ToAgent } from './agent-messages.ts'
import { parseCommandLine } from './options.ts'

const CAPABILITY = 'rO0ABXNyABpodWRzb24ucmVtb3RpbmcuQ2FwYWJpbGl0eQAAAAAAAAABAgABSgAEbWFza3hwAAAAAAAAAf4='
const RETRIES_MS: readonly number[] = [1_000, 3_000, 7_000]
const LAST_RETRY_MS = 10_000

const { rest } = parseCommandLine(process.argv.slice(2))
const option = (flag: string): string => {
  const value = rest[rest.indexOf(flag) + 1]
  if (!rest.includes(flag) || value === undefined) throw new Error(`The agent is started without ${flag}: give it.`)
  return value
}
const url = option('-url').replace(/\/?$/, '/')
const name = option('-name')
const given = option('-secret')
const secret = given.startsWith('@') ? readFileSync(given.slice(1), 'utf8').trim() : given
const workDirectory = option('-workDir')

const running = new Set<ChildProcess>()

const run = (connection: WebSocket, { build, script, environment, workspace }: ToAgent): void => {
  const send = (message: FromAgent): void => {
    if (connection.readyState === WebSocket.OPEN) connection.send(JSON.stringify(message))
  }
  const directory = join(workDirectory, workspace)
  mkdirSync(directory, { recursive: true })
  const shell = spawn('/bin/sh', ['-xe', '-c', script], {
    cwd: directory,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(shell)
  for (const stream of [shell.stdout, shell.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => send({ type: 'output', build, text }))
  shell.on('close', code => {
    running.delete(shell)
    send({ type: 'ended', build, exitCode: code ?? 1 })
  })
}

/** Resolves when the connection is over, to whether there was one. */
const connect = (): Promise<boolean> =>
  new Promise(resolve => {
    let opened = false
    const connection = new WebSocket(`${url.replace(/^http/, 'ws')}wsagents/`, {
      headers: { 'Node-Name': name, 'Secret-Key': secret, 'X-Remoting-Capability': CAPABILITY },
    })
    connection.on('open', () => {
      opened = true
      process.stderr.write('INFO: Connected\n')
    })
    connection.on('message', data => run(connection, JSON.parse(data.toString())))
    connection.on('error', cause => process.stderr.write(`SEVERE: ${cause.message}\n`))
    connection.on('close', () => {
      for (const shell of running) shell.kill('SIGTERM')
      resolve(opened)
    })
  })

for (let failures = 0; ; ) {
  failures = (await connect()) ? 1 : failures + 1
  await new Promise<void>(resolve => {
    // A timer that keeps the process alive, which the Clock's own do not.
    const alive = setInterval(() => undefined, LAST_RETRY_MS)
    void systemClock.sleep(RETRIES_MS[failures - 1] ?? LAST_RETRY_MS).then(() => {
      clearInterval(alive)
      resolve()
    })
  })
}
