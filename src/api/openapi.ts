import type { FastifyInstance } from 'fastify'

/** Where the checked-in document is, from the root of the repository; `scripts/openapi.ts` writes it. */
export const OPENAPI_FILE = 'docs/openapi.json'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * The API as OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1). Schemas with an `$id` are written where they are used; here each becomes one named
 * component, which is what generators of clients want. Call after `ready`.
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

const hoist = (value: Json, named: Map<string, Json>): Json => {
  if (Array.isArray(value)) return value.map(each => hoist(each, named))
  if (!isObject(value)) return value
  const { $id, ...rest } = value
  const inner = Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, hoist(each, named)]))
  if (typeof $id !== 'string') return inner
  named.set($id, inner)
  return { $ref: `#/components/schemas/${$id}` }
}
