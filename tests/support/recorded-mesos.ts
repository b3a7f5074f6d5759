/** Exchanges with a real Mesos (development head of 1.12), one a file; those of a stream go on with its events. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MesosEvent, readEvent } from '../../src/engines/mesos/wire.ts'

const DIRECTORY = join(import.meta.dirname, '../fixtures/mesos-1.12')

export type RecordedMesos = {
  readonly method: string
  readonly path: string
  /** Lower case names. */
  readonly requestHeaders: Readonly<Record<string, string>>
  readonly requestBody: unknown
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** What followed the head, where that is no stream of events. */
  readonly text: string
  /** Each record of the stream, as JSON. */
  readonly records: readonly string[]
}

export const recordedMesosNames = (): string[] =>
  readdirSync(DIRECTORY)
    .filter(name => name.endsWith('.http'))
    .map(name => name.slice(0, -'.http'.length))

const headersOf = (lines: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    lines.flatMap(line => {
      const colon = line.indexOf(': ')
      return colon < 0 ? [] : [[line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]]
    }),
  )

export const recordedMesos = (name: string): RecordedMesos => {
  const lines = readFileSync(join(DIRECTORY, `${name}.http`), 'utf8').split('\n')
  const sent = lines.filter(line => line.startsWith('>')).map(line => line.slice(2))
  const received = lines.filter(line => line.startsWith('< ')).map(line => line.slice(2))
  const rest = lines.slice(lines.findLastIndex(line => line.startsWith('< ')) + 1)
  const blocks = rest
    .join('\n')
    .split(/^# \+.*$/m)
    .map(block => block.trim())
  const [first = '', ...tail] = sent
  const [method = '', path = ''] = first.split(' ')
  const gap = tail.indexOf('')
  const body = gap < 0 ? '' : tail.slice(gap + 1).join('\n')
  return {
    method,
    path,
    requestHeaders: headersOf(gap < 0 ? tail : tail.slice(0, gap)),
    requestBody: parsed(body),
    status: Number(/^\d{3}/.exec(received[0] ?? '')?.[0]),
    headers: headersOf(received.slice(1)),
    text: blocks[0] ?? '',
    records: blocks.slice(1).filter(block => block !== '' && !block.includes('"connection":')),
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const recordedEvents = (name: string): MesosEvent[] => recordedMesos(name).records.map(record => readEvent(Buffer.from(record)))

/** As it was on the wire: no blanks, its length before it. */
export const framed = (record: string): Buffer => {
  const bytes = Buffer.from(JSON.stringify(JSON.parse(record)))
  return Buffer.concat([Buffer.from(`${bytes.length}\n`), bytes])
}
