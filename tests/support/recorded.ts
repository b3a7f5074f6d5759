/** Exchanges with a real Jenkins, one a file, and how an answer of the double is held against one of them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export type Recorded = {
  readonly method: string
  readonly path: string
  readonly requestHeaders: Readonly<Record<string, string>>
  readonly requestBody: string
  readonly anonymous: boolean
  readonly status: number
  /** Lower case names; a name that came twice has one value. */
  readonly headers: ReadonlyMap<string, string>
  /** Undefined where it was left out or cut. */
  readonly json: unknown
}

const DIRECTORY = join(import.meta.dirname, '../fixtures/jenkins-2.541.3')

export const recorded = (name: string): Recorded => {
  const text = readFileSync(join(DIRECTORY, `${name}.http`), 'utf8')
  const end = text.search(/\n\n/)
  const lines = (end < 0 ? text : text.slice(0, end)).split('\n')
  const sent = lines.filter(line => line.startsWith('> ')).map(line => line.slice(2))
  const received = lines.filter(line => line.startsWith('< ')).map(line => line.slice(2))
  const [first = '', ...rest] = sent
  const [method = '', path = ''] = first.split(' ')
  const [status = '', ...headers] = received
  return {
    method,
    path,
    requestHeaders: Object.fromEntries(rest.flatMap(line => fieldOf(line) ?? [])),
    requestBody: rest.find(line => line.startsWith('<')) ?? '',
    anonymous: rest.includes('(anonymous)'),
    status: Number(/\b(\d{3})\b/.exec(status)?.[1]),
    headers: new Map(headers.flatMap(line => fieldOf(line) ?? []).map(([name, value]) => [name.toLowerCase(), value])),
    json: end < 0 ? undefined : parsed(text.slice(end).trim()),
  }
}

const fieldOf = (line: string): [string, string][] | undefined => {
  const found = /^([\w-]+): ?(.*)$/.exec(line)
  return found?.[1] === undefined ? undefined : [[found[1], found[2] ?? '']]
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // A log, or a body that was cut.
    return undefined
  }
}

/** What belongs to the connection or to the moment. */
const PASSING: ReadonlySet<string> = new Set(['date', 'content-length', 'transfer-encoding', 'connection', 'keep-alive'])
/** What says the same in every run; the others are compared by their presence. */
const CONSTANT: readonly string[] = [
  ...['content-type', 'x-jenkins', 'x-hudson', 'x-frame-options', 'cache-control', 'x-error', 'www-authenticate', 'x-more-data'],
  ...['expires', 'vary', 'server', 'x-content-type-options', 'location'],
]

export const namesOf = (headers: ReadonlyMap<string, string>): string[] => [...headers.keys()].filter(name => !PASSING.has(name)).toSorted()

/** The constant headers, with the address taken out of those that hold it. */
export const constantsOf = (headers: ReadonlyMap<string, string>): Record<string, string | undefined> =>
  Object.fromEntries(
    CONSTANT.map(name => [
      name,
      headers
        .get(name)
        ?.replaceAll(/127\.0\.0\.1(:|%3A)\d+/g, 'HOST$1PORT')
        // The real one sends the quotation marks in an encoding of its own.
        .replaceAll(/[^\x20-\x7e]/g, ' ')
        .trim(),
    ]),
  )
