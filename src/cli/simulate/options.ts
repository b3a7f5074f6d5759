import { resolve } from 'node:path'
import type { FaultLevel } from '../../../simulator/contract.ts'
import type { Milliseconds } from '../../model/index.ts'
import { CliError } from '../errors.ts'
import { parseCount } from '../quantities.ts'

/** What `manor simulate` was asked, as commander gives it. */
export type SimulateOptions = {
  readonly seeds?: number
  readonly hours?: number
  readonly faults?: FaultLevel
  readonly workers?: number
  readonly first?: number
  readonly for?: Milliseconds
  readonly keepGoing?: boolean
  readonly controllers?: number
  readonly jobs?: number
  readonly hosts?: number
  readonly replay?: string
  readonly profile?: string
  readonly report?: string
}

type Common = { readonly report?: string }

/** What is to be done: one of the four ways, with its own defaults. */
export type Task =
  | (Common & {
      readonly kind: 'seeds'
      /** Absent: as many as the time box holds. */
      readonly seeds?: number
      readonly hours: number
      readonly faults: FaultLevel
      /** Absent: one a core. */
      readonly workers?: number
      /** Absent: drawn by chance. */
      readonly first?: number
      readonly forMs?: Milliseconds
      readonly keepGoing: boolean
      /** Nothing was asked for, so a newcomer may be reading. */
      readonly isFirstLook: boolean
    })
  | (Common & {
      readonly kind: 'scale'
      readonly controllers: number
      readonly jobs: number
      readonly hosts: number
      readonly hours: number
      readonly faults: FaultLevel
      readonly seed: number
    })
  | (Common & { readonly kind: 'replay'; readonly replay: string })
  | (Common & { readonly kind: 'profile'; readonly file: string; readonly workers?: number })

const DEFAULT_SEEDS = 20
const DEFAULT_HOURS = 1
/** The fleet of the talk that this product answers to. */
const SCALE = { controllers: 2_000, jobs: 8_000, hosts: 317 } as const
/** A virtual year: longer runs are many seeds. */
const MOST_HOURS = 8_760
const LARGEST_SEED = 4_294_967_295

export const parseWhole =
  (least: number, most: number) =>
  (what: string, text: string): number =>
    parseCount(what, text, least, most)
export const parseHours = parseWhole(1, MOST_HOURS)
export const parseSeed = parseWhole(0, LARGEST_SEED)

export const parseFileName = (what: string, text: string): string => {
  if (text === '') throw new CliError(`${what} is empty: give the name of a file.`)
  return resolve(text)
}

/** Options that each way takes; the first that is set of the three that choose a way decides. */
const TAKES = {
  replay: ['replay', 'report'],
  profile: ['profile', 'workers', 'report'],
  scale: ['controllers', 'jobs', 'hosts', 'hours', 'faults', 'first', 'report'],
  seeds: ['seeds', 'hours', 'faults', 'workers', 'first', 'for', 'keepGoing', 'report'],
} as const satisfies Record<Task['kind'], readonly (keyof SimulateOptions)[]>
const ALL: readonly (keyof SimulateOptions)[] = [...new Set(Object.values(TAKES).flat())]

/** Throws a CliError where options are together that do not go together. */
export const taskOf = (options: SimulateOptions): Task => {
  const given = ALL.filter(name => options[name] !== undefined)
  const kind = kindOf(options)
  const takes: readonly (keyof SimulateOptions)[] = TAKES[kind]
  const other = given.find(name => !takes.includes(name))
  if (other !== undefined) {
    const chosenBy = given.find(name => takes.includes(name) && !TAKES.seeds.some(one => one === name)) ?? kind
    throw new CliError(`${flag(other)} and ${flag(chosenBy)} exclude each other: ${flag(chosenBy)} goes with ${listed(takes, chosenBy)}.`)
  }
  const common = options.report === undefined ? {} : { report: options.report }
  switch (kind) {
    case 'replay':
      return { kind, ...common, replay: options.replay ?? '' }
    case 'profile':
      return { kind, ...common, file: options.profile ?? '', ...(options.workers === undefined ? {} : { workers: options.workers }) }
    case 'scale': {
      const { controllers, jobs, hosts, hours = DEFAULT_HOURS, faults = 'none', first: seed = 1 } = options
      return { kind, ...common, ...SCALE, ...defined({ controllers, jobs, hosts }), hours, faults, seed }
    }
    case 'seeds': {
      const { hours = DEFAULT_HOURS, faults = 'hard', workers, first, for: forMs, keepGoing = false } = options
      // A time box alone asks for as many as it holds.
      const seeds = options.seeds ?? (forMs === undefined ? DEFAULT_SEEDS : undefined)
      return { kind, ...common, hours, faults, keepGoing, isFirstLook: given.length === 0, ...defined({ seeds, workers, first, forMs }) }
    }
  }
}

const kindOf = (options: SimulateOptions): Task['kind'] => {
  if (options.replay !== undefined) return 'replay'
  if (options.profile !== undefined) return 'profile'
  const isScale = options.controllers !== undefined || options.jobs !== undefined || options.hosts !== undefined
  return isScale ? 'scale' : 'seeds'
}

const flag = (name: string): string => `--${name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
const listed = (names: readonly string[], but: string): string =>
  names
    .filter(name => name !== but)
    .map(flag)
    .join(', ')

type Defined<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> }
/** Without the fields that are undefined. */
const defined = <T extends object>(fields: T): Defined<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>
