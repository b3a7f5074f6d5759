import { integer, type Random } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { CHOSEN_PORTS } from '../process/ports.ts'
import { invalid } from '../process/prepare.ts'

/** Draws before "none is free" is said: at half the range taken, one in 2^100 would be wrong about it. */
const MAX_DRAWS = 100

/**
 * Turns a workload's wishes into ports, each the same inside and outside of its container, so that a program can tell others its own number.
 * Whether a port is free on the daemon's host shows when the container is started: what is taken there is refused by the daemon.
 */
export const choosePorts = (
  wanted: Readonly<Record<string, number>>,
  taken: ReadonlySet<number>,
  random: Random,
): Readonly<Record<string, number>> => {
  const chosen: Record<string, number> = {}
  for (const [name, port] of Object.entries(wanted)) {
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw invalid(`The port ${name} is ${port}.`, 'Give a number from 1 to 65535, or 0 for a free one.')
    if (port > 0) chosen[name] = port
  }
  for (const name of Object.keys(wanted).filter(each => chosen[each] === undefined)) chosen[name] = draw(name, chosen, taken, random)
  return chosen
}

const draw = (name: string, chosen: Readonly<Record<string, number>>, taken: ReadonlySet<number>, random: Random): number => {
  const [first, last] = CHOSEN_PORTS
  for (let draws = 0; draws < MAX_DRAWS; draws++) {
    const port = first + integer(random, last - first + 1)
    if (!taken.has(port) && !Object.values(chosen).includes(port)) return port
  }
  throw new EngineError({ code: 'quota', message: `No free port was found for ${name} between ${first} and ${last}.` }, true)
}

/** Whether another choice may help where a port turned out to be taken. */
export const mayChoose = (wanted: Readonly<Record<string, number>>): boolean => Object.values(wanted).includes(0)
