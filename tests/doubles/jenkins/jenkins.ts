import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HookPolicy } from '../../../src/controllers/index.ts'
import { type Clock, systemClock } from '../../../src/runtime/index.ts'
import { createAgentEndpoint } from './agents.ts'
import { errorPage, send, writeRaw } from './answers.ts'
import { Core } from './core.ts'
import { Files } from './files.ts'
import { Hook } from './hook.ts'
import type { JenkinsOptions } from './options.ts'
import { type Ending, Pages } from './pages.ts'
import { loadAgentKey } from './secrets.ts'
import { type Account, Security } from './security.ts'

/** What the JVM says when SIGTERM ends it. */
const EXIT_SIGTERM = 143
/** hudson.lifecycle.ExitLifecycle: asks whoever started it for another start. */
const EXIT_RESTART = 5
/** The hook halts a program that it could not secure. */
const EXIT_UNSECURED = 70
/** How long /restart and /safeRestart answer 503 before they end, constants of the real one's source. */
const RESTART_MS = 5_000
const SAFE_RESTART_MS = 10_000
const ALIVE_MS = 2_000_000_000
const MAX_BODY_BYTES = 16 * 1_048_576

/** A running double. */
export type Jenkins = {
  readonly port: number
  /** Inside a test, to look at; programs have only the outside. */
  readonly core: Core
  /** Resolves once it serves; rejects where it ended before. */
  readonly ready: Promise<void>
  /** As SIGTERM does: at once, whatever runs. Resolves to the exit code. */
  terminate(): Promise<number>
}

/** Starts a double: nothing listens for a while, then it says 503, then it serves. Resolves as soon as its port is known. */
export const startJenkins = async (options: JenkinsOptions, clock: Clock = systemClock): Promise<Jenkins> => {
  const { home, prefix, onExit = () => undefined } = options
  const key = loadAgentKey(home)
  const core = new Core(new Files(home), clock)
  const policy = options.policyFile === undefined ? undefined : readPolicy(options.policyFile)
  if (policy === 'unreadable') {
    onExit(EXIT_UNSECURED)
    throw new Error(`The policy file ${options.policyFile} cannot be read: the instance could not be secured.`)
  }
  const account: Account = policy?.admin ?? options.admin ?? { name: 'admin', password: 'admin', apiToken: `11${'0'.repeat(32)}` }
  const hook = policy === undefined ? undefined : new Hook(core, policy, home)
  let serving = false
  let exit: number | undefined

  // The Clock's timers keep no process alive, and until it listens nothing else does.
  const alive = setInterval(() => undefined, ALIVE_MS)
  const ended = new Promise<number>(resolved => core.once('ended', resolved))
  const finish = (code: number): void => {
    if (exit !== undefined) return
    exit = code
    serving = false
    clearInterval(alive)
    hook?.stop()
    core.end()
    server.close()
    server.closeAllConnections()
    onExit(code)
    core.emit('ended', code)
  }
  const whenIdle = (work: () => void): void => {
    core.quiet(undefined)
    const look = (): void => {
      if (core.running.length > 0) return
      core.off('changed', look)
      work()
    }
    core.on('changed', look)
    look()
  }
  const restart = (afterMs: number): void => {
    serving = false
    clock.after(afterMs, () => finish(EXIT_RESTART))
  }
  const end = (how: Ending): void => {
    // The answer to the request that asks for it goes out first.
    clock.after(0, () => {
      switch (how) {
        case 'exit':
          return finish(0)
        case 'safeExit':
          return whenIdle(() => finish(0))
        case 'restart':
          return restart(RESTART_MS)
        case 'safeRestart':
          return whenIdle(() => restart(SAFE_RESTART_MS))
      }
    })
  }

  const pages = new Pages({ core, security: new Security(account, home), key, prefix, end })
  const connectAgent = createAgentEndpoint(core, key)
  const server = createServer({ requestTimeout: 0 })
  server.on('request', async (request, response) => {
    const body = await bodyOf(request)
    if (!serving) send(response, STARTING)
    else send(response, pages.answer(request, request.url ?? '/', body))
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    if (!serving) writeRaw(socket, 503, STARTING.headers ?? [], '')
    else if (request.url === `${prefix}/wsagents/`) connectAgent(request, socket, head)
    else writeRaw(socket, 404, errorPage(404, 'Not Found').headers, '')
  })

  const port = options.port === 0 ? await freePort() : options.port
  const boot = async (): Promise<void> => {
    await clock.sleep(options.refusedMs ?? 0)
    if (exit !== undefined) throw new Error('It ended while it was starting.')
    await listen(server, port)
    await clock.sleep(options.startingMs ?? 0)
    if (exit !== undefined) throw new Error('It ended while it was starting.')
    serving = true
    hook?.start()
    core.maintain()
  }
  const ready = boot()
  return {
    port,
    core,
    ready,
    terminate: () => {
      finish(EXIT_SIGTERM)
      return ended
    },
  }
}

const STARTING = {
  status: 503,
  early: 'filter' as const,
  headers: [
    ['Expires', '0'],
    ['Cache-Control', 'no-cache,no-store,must-revalidate'],
    ['Content-Type', 'text/html;charset=utf-8'],
  ] as const,
  body: '<html>Starting Jenkins</html>',
}

const readPolicy = (path: string): HookPolicy | 'unreadable' => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    process.stderr.write(`manor.hook SEVERE The instance could not be secured: ${String(cause)}\n`)
    return 'unreadable'
  }
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request) {
    size += part.length
    if (size <= MAX_BODY_BYTES) parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

const listen = (server: Server, port: number): Promise<AddressInfo> =>
  new Promise((resolved, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      if (address !== null && typeof address === 'object') resolved(address)
    })
  })

/** A port that is free now, for a server that is to listen later. */
const freePort = async (): Promise<number> => {
  const probe = createServer()
  const { port } = await listen(probe, 0)
  await new Promise(done => probe.close(done))
  return port
}
