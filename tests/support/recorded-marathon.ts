/** Exchanges with a real Marathon 1.11.26, one a file: how they are read, and how another answer is held against one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export type RecordedExchange = {
  readonly method: string
  readonly path: string
  readonly requestBody: unknown
  readonly status: number
  /** Lower case names. */
  readonly headers: ReadonlyMap<string, string>
  /** As it came: JSON, or a stream of events. */
  readonly text: string
  readonly json: unknown
}

const DIRECTORY = join(import.meta.dirname, '../fixtures/marathon-1.11')

export const recordedMarathon = (name: string): RecordedExchange => {
  const lines = readFileSync(join(DIRECTORY, `${name}.http`), 'utf8').split('\n')
  const sent = lines.filter(line => line.startsWith('>')).map(line => line.slice(2))
  const received = lines.filter(line => line.startsWith('< ')).map(line => line.slice(2))
  const last = lines.findLastIndex(line => line.startsWith('< '))
  const text = lines
    .slice(last + 1)
    .join('\n')
    .trim()
  const [first = '', ...rest] = sent
  const [method = '', path = ''] = first.split(' ')
  const gap = rest.indexOf('')
  const [status = '', ...headers] = received
  return {
    method,
    path,
    requestBody: parsed(gap < 0 ? '' : rest.slice(gap + 1).join('\n')),
    status: Number(/^\d{3}/.exec(status)?.[0]),
    headers: new Map(
      headers.flatMap(line => {
        const colon = line.indexOf(': ')
        return colon < 0 ? [] : [[line.slice(0, colon).toLowerCase(), line.slice(colon + 2)] as const]
      }),
    ),
    text,
    json: parsed(text),
  }
}

const parsed = (text: string): unknown => {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    // Half a document that was sent on purpose, or a stream.
    return undefined
  }
}

/** Bytes of a recorded event stream as they went over the wire: without the notes of when. */
export const recordedEvents = (name: string): string =>
  recordedMarathon(name)
    .text.split('\n')
    .filter(line => !line.startsWith('# +') && line !== 'connection closed')
    .join('\n')
    .concat('\n\n')
