import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import type { FastifyInstance, FastifySchema } from 'fastify'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Carries a schema's `$id` past @fastify/swagger, which would make a numbered reference to nothing of it. */
const NAME = 'x-schema-name'

export const openApiOptions = (version: string): FastifyDynamicSwaggerOptions => ({
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Manor',
      version,
      description:
        'The API of a Manor: controllers, their build agents, and why anything waits. Times are milliseconds since the Unix epoch, memory and disk mebibytes. Errors are problem+json (RFC 9457).',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  },
  convertConstToEnum: false,
  // Still the schemas of a route, with other names for their ids.
  transform: ({ schema, url }) => ({ schema: schema && (renameIds(schema) as FastifySchema), url }),
})

/**
 * The API as OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1). The contract's schemas are written where they are used; here each that has a name
 * becomes one component, which is what generators of clients want. Call after `ready`.
 */
export const openApiDocument = (app: FastifyInstance): Json => {
  // Through JSON, so that it is plain data, as it is sent.
  const document: unknown = JSON.parse(JSON.stringify(app.swagger()))
  if (!isObject(document)) throw new TypeError('The document of the API is no object.')
  const named = new Map<string, Json>()
  const paths = hoist(document.paths ?? {}, named)
  const schemas = Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1)))
  const components = isObject(document.components) ? document.components : {}
  return { ...document, components: { ...components, schemas }, paths }
}

const isObject = (value: unknown): value is { [key: string]: Json } => typeof value === 'object' && value !== null && !Array.isArray(value)

const renameIds = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(renameIds)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key === '$id' ? NAME : key, renameIds(each)]))
}

const hoist = (value: Json, named: Map<string, Json>): Json => {
  if (Array.isArray(value)) return value.map(each => hoist(each, named))
  if (!isObject(value)) return value
  const { [NAME]: name, ...rest } = value
  const inner = Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, hoist(each, named)]))
  if (typeof name !== 'string') return inner
  named.set(name, inner)
  return { $ref: `#/components/schemas/${name}` }
}
