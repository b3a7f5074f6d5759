import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'

/** Longest that a wrong value is repeated. */
const MOST_SHOWN = 60

/**
 * The first thing that is wrong with a value, in a sentence that names the path, the value and what is allowed; undefined where it fits. What
 * is allowed is the schema's own description. `prefix` is where the value stands in its file, `guide` where its fields are explained.
 */
export const problemIn = (schema: TSchema, value: unknown, prefix: string, guide: string): string | undefined => {
  const errors = [...Value.Errors(schema, value)]
  // A misspelt field makes another one missing, so it is told first; what the branches of a union say is noise beside the union's own.
  const outside = errors.filter(({ schemaPath, keyword }) => !schemaPath.includes('/anyOf/') && keyword !== 'boolean')
  const error = outside.find(({ keyword }) => keyword === 'additionalProperties') ?? outside[0] ?? errors[0]
  if (error === undefined) return undefined
  const path = error.instancePath.split('/').slice(1)
  const at = [prefix, ...path].filter(part => part !== '').join('.')
  const within = path.reduce(memberSchema, recordOf(schema))
  const known = Object.keys(recordOf(within.properties))
  const params = recordOf(error.params)
  const inside = (name: unknown): string => (at === '' ? String(name) : `${at}.${name}`)
  const mendOf = ({ description }: Record<string, unknown>): string =>
    typeof description === 'string' ? description : `what ${guide} says`
  switch (error.keyword) {
    case 'additionalProperties':
      return `there is no field ${inside(listOf(params.additionalProperties)[0])}. There are: ${known.join(', ')}.`
    case 'required': {
      const [name] = listOf(params.requiredProperties)
      return `${inside(name)} is missing: give ${mendOf(memberSchema(within, String(name)))}.`
    }
    default:
      return `${at === '' ? 'the file' : at} is ${show(path.reduce(member, value))}: give ${mendOf(within)}.`
  }
}

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const member = (value: unknown, key: string): unknown => recordOf(value)[key]
const memberSchema = (schema: Record<string, unknown>, key: string): Record<string, unknown> => {
  const branch = listOf(schema.anyOf).find(one => recordOf(recordOf(one).properties)[key] !== undefined)
  return recordOf(recordOf(schema.properties)[key] ?? schema.items ?? recordOf(recordOf(branch).properties)[key])
}
