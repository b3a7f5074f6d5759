import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { FAULT_LEVELS, type FaultLevel, type Plan } from './contract.ts'
import { seedFleet } from './fleets.ts'

const HOUR = 3_600_000
/** A plan in one word is typed or pasted by a person; more than this was no plan of ours. */
const MAX_LENGTH = 65_536

/**
 * A plan in one word, for the command that plays it again. The fleet of a seed is `SEED:LEVEL:HOURS`, then the faults that are left out as
 * ranges, then the mutation; any other plan is `plan:` and its JSON, packed.
 */
export const encodePlan = (plan: Plan): string => {
  const { without = [], mutation, keepLog: _kept, ...fleet } = plan
  const hours = plan.activeMs / HOUR
  for (const level of FAULT_LEVELS)
    if (JSON.stringify(fleet) === JSON.stringify(seedFleet(plan.seed, level, hours)))
      return [plan.seed, level, hours, rangesOf(without), mutation ?? ''].join(':').replace(/:+$/, '')
  return `plan:${deflateRawSync(JSON.stringify(plan)).toString('base64url')}`
}

/** Reads what `encodePlan` wrote. Throws a RangeError that says what is wrong with it. */
export const decodePlan = (text: string): Plan => {
  if (text.length > MAX_LENGTH) throw new RangeError('The plan is too long to be one.')
  if (text.startsWith('plan:')) return unpack(text.slice('plan:'.length))
  const [seed = '', level = '', hours = '', ranges = '', mutation = ''] = text.split(':')
  if (!/^\d{1,10}$/.test(seed) || Number(seed) > 0xffffffff)
    throw new RangeError(`"${seed}" is no seed: give a whole number below 4294967296.`)
  if (!isLevel(level)) throw new RangeError(`"${level}" is no level of faults: give one of ${FAULT_LEVELS.join(', ')}.`)
  if (!(Number(hours) > 0)) throw new RangeError(`"${hours}" is no number of hours.`)
  const without = numbersOf(ranges)
  return {
    ...seedFleet(Number(seed), level, Number(hours)),
    ...(without.length === 0 ? {} : { without }),
    ...(mutation === '' ? {} : { mutation }),
  }
}

const isLevel = (text: string): text is FaultLevel => FAULT_LEVELS.some(level => level === text)

const unpack = (packed: string): Plan => {
  try {
    // Parsed at the border: whoever plays a plan made it with the command that printed it.
    return JSON.parse(inflateRawSync(Buffer.from(packed, 'base64url'), { maxOutputLength: 16 * MAX_LENGTH }).toString('utf8')) as Plan
  } catch (cause) {
    throw new RangeError('This is no plan: copy it whole, as it was printed.', { cause })
  }
}

/** Numbers as `1-3,7`; they may be in any order. */
const rangesOf = (numbers: readonly number[]): string => {
  const ranges: [number, number][] = []
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last && last[1] + 1 === number) last[1] = number
    else ranges.push([number, number])
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',')
}

const numbersOf = (ranges: string): number[] =>
  ranges === ''
    ? []
    : ranges.split(',').flatMap(range => {
        const [, first, last = first] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(range) ?? []
        if (first === undefined) throw new RangeError(`"${range}" is no range of faults: give 3 or 3-7.`)
        return Array.from({ length: Math.max(0, Number(last) - Number(first) + 1) }, (_, i) => Number(first) + i)
      })
