/**
 * What a profile may hold, as typebox types. Each field's description is the mend that a wrong value is answered with: "give ...". Sizes and
 * lengths of time have their units, as people write them.
 */
import { type Static, type TSchema, Type } from 'typebox'

const optional = <T extends TSchema>(schema: T) => Type.Optional(schema)
const object = <T extends Record<string, TSchema>>(properties: T, description = 'fields, one a line as "field: value"') =>
  Type.Object(properties, { additionalProperties: false, description })

/** Team and job together are the name of a template, which has at most 40 characters. */
const MOST_NAME = 19
const Name = Type.String({
  pattern: `^[a-z0-9]([a-z0-9-]{0,${MOST_NAME - 2}}[a-z0-9])?$`,
  description: `1 to ${MOST_NAME} lower case letters, digits and hyphens, with a letter or digit at each end`,
})
const Size = Type.String({ pattern: '^\\d+(\\.\\d+)?\\s*([mgt](i?b)?)$', description: 'a size with its unit, such as 512m or 4g' })
const Length = Type.String({
  pattern: '^(\\d+(\\.\\d+)?(d|h|m|s|ms))+$',
  description: 'a length of time with its unit, such as 90s, 2m or 1h30m',
})
const Cores = Type.Number({ exclusiveMinimum: 0, maximum: 1_024, description: 'a number of cores above 0, such as 2 or 0.5' })
const whole = (minimum: number, maximum: number) =>
  Type.Integer({ minimum, maximum, description: `a whole number from ${minimum} to ${maximum}` })
const chance = Type.Number({ minimum: 0, maximum: 1, description: 'a chance from 0 to 1' })
const rate = Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000, description: 'a number above 0' })

const Amounts = object({ cpu: Cores, memory: Size, disk: Size })
const SomeAmounts = object({ cpu: optional(Cores), memory: optional(Size), disk: optional(Size) })

/** Largest fleet that a profile may describe: five times what one Manor is measured with. */
export const MOST_CONTROLLERS = 10_000
export const MOST_HOSTS = 10_000

/** By kind, so that a wrong field is answered with those of its own kind. */
export const ARRIVALS = {
  steady: object({ kind: Type.Literal('steady'), perHour: rate }),
  office: object({ kind: Type.Literal('office'), perHour: rate, fromHour: whole(0, 23), toHour: whole(1, 24) }),
  cron: object({ kind: Type.Literal('cron'), jobs: whole(1, 100_000), everyHours: whole(1, 168) }),
  storm: object({ kind: Type.Literal('storm'), jobs: whole(1, 100_000), perDay: rate }),
  constant: object({ kind: Type.Literal('constant'), jobs: whole(1, 100_000) }),
} as const
export type ArrivalsFile = { readonly [Kind in keyof typeof ARRIVALS]: Static<(typeof ARRIVALS)[Kind]> }[keyof typeof ARRIVALS]

const Job = object({
  name: Name,
  arrivals: Type.Object(
    { kind: Type.Enum(Object.keys(ARRIVALS), { description: `one of ${Object.keys(ARRIVALS).join(', ')}` }) },
    { description: 'fields, with "kind" among them' },
  ),
  takes: object({ median: Length, p95: Length }),
  resources: Amounts,
  fails: optional(chance),
  leaks: optional(chance),
  hangs: optional(chance),
})

const TeamFile = object({
  name: Name,
  controllers: whole(1, MOST_CONTROLLERS),
  controller: optional(Amounts),
  weight: optional(rate),
  quota: optional(SomeAmounts),
  guarantee: optional(SomeAmounts),
  jobs: Type.Array(Job, { minItems: 1, maxItems: 50, description: 'a list of 1 to 50 kinds of jobs' }),
})

const Group = object({
  name: Name,
  capacity: Amounts,
  count: Type.Union([whole(1, MOST_HOSTS), object({ min: whole(0, MOST_HOSTS), max: whole(1, MOST_HOSTS) })], {
    description: `a whole number from 1 to ${MOST_HOSTS}, or { min: NUMBER, max: NUMBER }`,
  }),
  pricePerHour: optional(Type.Number({ minimum: 0, description: 'money per host and hour, 0 or more' })),
  role: optional(Type.Enum(['any', 'controllers', 'builds'], { description: 'one of any, controllers, builds' })),
  failureDomains: optional(whole(1, 100)),
})

export const ProfileFile = object({
  goal: object({ p50: optional(Length), p90: optional(Length), p99: optional(Length) }),
  hours: optional(whole(1, 168)),
  seeds: optional(whole(1, 20)),
  engine: optional(Type.Enum(['hosts', 'offers', 'own-placement'], { description: 'one of hosts, offers, own-placement' })),
  teams: Type.Array(TeamFile, { minItems: 1, maxItems: 200, description: 'a list of 1 to 200 teams' }),
  hosts: Type.Array(Group, { minItems: 1, maxItems: 20, description: 'a list of 1 to 20 groups of hosts' }),
})
export type ProfileFile = Static<typeof ProfileFile>
