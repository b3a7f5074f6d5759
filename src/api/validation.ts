import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify'
import type { TSchema } from 'typebox'
import { ApiError } from './errors.ts'
import { similarTo } from './similar.ts'

/** Longest that a wrong value is repeated to who sent it. */
const MAX_SHOWN = 60

/** Typebox's check, with errors that name the field, what it was and what it may be. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = route => {
  const validate = TypeBoxValidatorCompiler(route)
  return (value: unknown) => {
    const result = validate(value)
    return hasErrors(result) ? { error: invalid(recordOf(route.schema), value, result.error) } : result
  }
}

const hasErrors = (result: unknown): result is { readonly error: readonly FastifySchemaValidationError[] } =>
  typeof result === 'object' && result !== null && 'error' in result && Array.isArray(result.error)

const invalid = (schema: Record<string, unknown>, value: unknown, errors: readonly FastifySchemaValidationError[]): ApiError => {
  const error = tellingOf(errors)
  if (error === undefined) return new ApiError('invalid', 'The request does not fit: see /api/openapi.json.')
  const path = error.instancePath.split('/').slice(1).map(unescapePointer)
  const at = path.join('.')
  const shown = show(path.reduce(member, value))
  const within = path.reduce(memberSchema, schema)
  const { params } = error
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownField(at, String(listOf(params.additionalProperties)[0] ?? ''), Object.keys(recordOf(within.properties)))
    case 'required': {
      const missing = String(listOf(params.requiredProperties)[0] ?? '')
      const field = at === '' ? missing : `${at}.${missing}`
      return new ApiError('invalid', `${field} is missing: give it.`, { field })
    }
    case 'minProperties': {
      const known = Object.keys(recordOf(within.properties))
      return new ApiError('invalid', `${at || 'The body'} is empty: give at least one of ${known.join(', ')}.`, { allowed: known })
    }
    case 'enum':
      return notOneOf(at, shown, path.reduce(member, value), listOf(params.allowedValues).map(String))
    case 'anyOf':
      return notOneOf(at, shown, undefined, variants(within))
    default:
      return new ApiError('invalid', `${at || 'The body'} is ${shown}: ${mendOf(error)}.`, at === '' ? {} : { field: at })
  }
}

const mendOf = ({ keyword, message, params }: FastifySchemaValidationError): string => {
  switch (keyword) {
    case 'type':
      return `give ${ARTICLES[String(params.type)] ?? String(params.type)}`
    case 'minimum':
      return `give at least ${params.limit}`
    case 'maximum':
      return `give at most ${params.limit}`
    case 'minLength':
      return `give at least ${params.limit} characters`
    case 'maxLength':
      return `give at most ${params.limit} characters`
    case 'maxItems':
      return `give at most ${params.limit} of them`
    default:
      return `it ${message ?? 'does not fit'}`
  }
}

const ARTICLES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  'number,null': 'a number, or null to take it away',
  'string,null': 'a text, or null to take it away',
  'object,null': 'an object, or null to take it away',
}

/**
 * The one error to tell. Where a union was missed, the errors of its branches are noise; an unknown field comes first, because a misspelt
 * name makes others missing.
 */
const tellingOf = (errors: readonly FastifySchemaValidationError[]): FastifySchemaValidationError | undefined => {
  const outside = errors.filter(({ schemaPath }) => !schemaPath.includes('/anyOf/'))
  return (
    outside.find(({ keyword }) => keyword === 'additionalProperties') ?? outside.find(({ keyword }) => keyword !== 'boolean') ?? errors[0]
  )
}

const unknownField = (at: string, name: string, known: readonly string[]): ApiError => {
  const within = (member: string): string => (at === '' ? member : `${at}.${member}`)
  const meant = similarTo(name, known)
  const mend = meant === undefined ? `known are ${known.join(', ')}.` : `did you mean ${within(meant)}?`
  return new ApiError('invalid', `${within(name)} is unknown: ${mend}`, { field: within(name), allowed: known })
}

const notOneOf = (at: string, shown: string, found: unknown, allowed: readonly string[]): ApiError => {
  const meant = typeof found === 'string' ? similarTo(found, allowed) : undefined
  const question = meant === undefined ? '' : ` Did you mean ${meant}?`
  return new ApiError('invalid', `${at || 'The body'} is ${shown}: give one of ${allowed.join(', ')}.${question}`, {
    ...(at === '' ? {} : { field: at }),
    allowed,
  })
}

/** A union's branches as one would write them, by the fields that they have. */
const variants = (schema: Record<string, unknown>): string[] =>
  listOf(schema.anyOf).map(branch => {
    const fields = Object.entries(recordOf(recordOf(branch).properties)).map(([name, field]) => {
      const constant = recordOf(field).const
      return constant === undefined ? name : `${name}: ${JSON.stringify(constant)}`
    })
    return `{ ${fields.join(', ')} }`
  })

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const recordOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {})
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const member = (value: unknown, key: string): unknown => recordOf(value)[key]
const memberSchema = (schema: Record<string, unknown>, key: string): Record<string, unknown> =>
  recordOf(recordOf(schema.properties)[key] ?? schema.items)
/** RFC 6901 section 4. */
const unescapePointer = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~')
