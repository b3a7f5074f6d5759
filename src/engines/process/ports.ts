import { createServer } from 'node:net'
import { integer, type Random } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'

/**
 * Ports that the engine chooses from: below Linux' default range for outgoing connections (32768 to 60999), so that none is taken by chance
 * between the choice and the workload's own bind.
 */
export const CHOSEN_PORTS: readonly [first: number, last: number] = [20_000, 29_999]

/** Tries before "none is free" is said: at half the range taken, one in 2^100 choices would be wrong about it. */
const MAX_TRIES = 100

/** Whether nobody listens there, on any address. A look, no reservation: the workload binds it later. */
const isFree = async (port: number): Promise<boolean> => {
  for (const host of ['0.0.0.0', '::', '127.0.0.1']) {
    const code = await bindProblem(port, host)
    // A machine without IPv6 has no such address; that says nothing about the port.
    if (code === 'EADDRINUSE' || code === 'EACCES') return false
  }
  return true
}

const bindProblem = (port: number, host: string): Promise<string | undefined> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', error => resolve('code' in error ? String(error.code) : error.message))
    server.listen({ port, host, exclusive: true, ipv6Only: host === '::' }, () => server.close(() => resolve(undefined)))
  })

/**
 * Turns a workload's wishes into ports: fixed ones are checked, 0 becomes a free one. `taken` says what other workloads were given, whether
 * they listen yet or not.
 */
export const choosePorts = async (
  wanted: Readonly<Record<string, number>>,
  taken: (port: number) => boolean,
  random: Random,
): Promise<Record<string, number>> => {
  const chosen: Record<string, number> = {}
  for (const [name, port] of Object.entries(wanted)) {
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new EngineError(
        { code: 'invalid-spec', message: `The port ${name} is ${port}.`, mend: 'Give a number from 1 to 65535, or 0 for a free one.' },
        false,
      )
    const isTaken = (candidate: number): boolean => taken(candidate) || Object.values(chosen).includes(candidate)
    if (port === 0) chosen[name] = await chooseFree(name, isTaken, random)
    else if (!isTaken(port) && (await isFree(port))) chosen[name] = port
    else
      throw new EngineError(
        {
          code: 'quota',
          message: `The port ${port} (${name}) is taken by somebody else on this machine.`,
          mend: 'Stop what listens there, or take another port.',
        },
        true,
      )
  }
  return chosen
}

const chooseFree = async (name: string, taken: (port: number) => boolean, random: Random): Promise<number> => {
  const [first, last] = CHOSEN_PORTS
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = first + integer(random, last - first + 1)
    if (!taken(port) && (await isFree(port))) return port
  }
  throw new EngineError({ code: 'quota', message: `No free port was found for ${name} between ${first} and ${last}.` }, true)
}
