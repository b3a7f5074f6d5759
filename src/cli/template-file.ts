import type { TemplateBody, TemplateView } from '../api/contract.ts'
import { closest, didYouMean } from './closest.ts'
import { CliError } from './errors.ts'
import { parseDuration, parseSize } from './quantities.ts'

/** A template as a file names it: the API's fields and the name; sizes and times may have their units. */
export type NamedTemplate = { readonly name: string; readonly body: TemplateBody }

const FIELDS = [
  'name',
  'scope',
  'labels',
  'takesUnlabelled',
  'resources',
  'environment',
  'command',
  'image',
  'constraints',
  'access',
  'connectTimeout',
  'connectTimeoutMs',
  'spares',
] as const
const ACCESS_FIELDS = ['privileged', 'capabilities', 'hostPaths', 'hostNetwork'] as const
const RESOURCE_FIELDS = ['cpu', 'memory', 'memoryMb', 'disk', 'diskMb'] as const

/** Most templates of one file; a file with more is something else. */
const MOST_DOCUMENTS = 1_000

type Fields = Readonly<Record<string, unknown>>

/**
 * Reads the templates of a YAML or JSON file, one a document. Checks what the API cannot say well (unknown fields, units); the API checks the
 * values. Throws a CliError that names the file, the document and the field.
 */
export const readTemplates = async (file: string, text: string): Promise<readonly NamedTemplate[]> => {
  const { parseAllDocuments } = await import('yaml')
  const parsed = parseAllDocuments(text)
  const documents = Array.isArray(parsed) ? parsed.filter(({ contents }) => contents !== null) : []
  if (documents.length === 0) throw new CliError(`${file} holds no template: write at least "name: NAME" and "labels: [LABEL]".`)
  if (documents.length > MOST_DOCUMENTS)
    throw new CliError(`${file} holds ${documents.length} templates: at most ${MOST_DOCUMENTS} go in one file.`)
  return documents.map((document, index) => {
    const place = documents.length === 1 ? file : `${file}, document ${index + 1}`
    const [problem] = document.errors
    if (problem) throw new CliError(`${place} is no YAML: ${problem.message.split('\n')[0]}`)
    return toTemplate(place, document.toJS() as unknown)
  })
}

const toTemplate = (place: string, value: unknown): NamedTemplate => {
  const { name, resources, connectTimeout, ...rest } = mapping(place, 'a template', value)
  checkFields(place, '', { name, resources, connectTimeout, ...rest }, FIELDS)
  if (rest.access !== undefined) checkFields(place, 'access.', mapping(place, 'access', rest.access), ACCESS_FIELDS)
  if (typeof name !== 'string') throw new CliError(`${place}: name is missing: write "name: NAME", a DNS label such as linux.`)
  const body: Fields = {
    ...rest,
    ...(resources === undefined ? {} : { resources: toResources(place, resources) }),
    ...(connectTimeout === undefined ? {} : { connectTimeoutMs: parseDuration(`${place}: connectTimeout`, String(connectTimeout)) }),
  }
  return { name, body: body as TemplateBody }
}

const toResources = (place: string, value: unknown): Fields => {
  const { memory, disk, ...rest } = mapping(place, 'resources', value)
  checkFields(place, 'resources.', { memory, disk, ...rest }, RESOURCE_FIELDS)
  return {
    ...rest,
    ...(memory === undefined ? {} : { memoryMb: parseSize(`${place}: resources.memory`, String(memory)) }),
    ...(disk === undefined ? {} : { diskMb: parseSize(`${place}: resources.disk`, String(disk)) }),
  }
}

const mapping = (place: string, what: string, value: unknown): Fields => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new CliError(`${place}: ${what} is no list of fields: write them as "field: value", one a line.`)
}

const checkFields = (place: string, prefix: string, found: Fields, known: readonly string[]): void => {
  const unknown = Object.entries(found).find(([field, value]) => value !== undefined && !known.includes(field))?.[0]
  if (unknown === undefined) return
  const hint = didYouMean(closest(unknown, known)) || ` There are: ${known.join(', ')}.`
  throw new CliError(`${place}: there is no field ${prefix}${unknown}.${hint}`)
}

/** A template as a file that `readTemplates` reads back to the same. */
export const writeTemplate = async ({ id, revision: _not, memoryAdvice: _nor, ...body }: TemplateView): Promise<string> => {
  const { stringify } = await import('yaml')
  return stringify({ name: id, ...body }).trimEnd()
}
