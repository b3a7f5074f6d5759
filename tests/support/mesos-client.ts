/** A scheduler by hand: single calls to a Mesos or its double, and what comes on the stream. */
import { RecordReader } from '../../src/engines/mesos/record-io.ts'
import { waitFor } from './wait.ts'

export type Raw = { readonly type: string } & Record<string, unknown>

export type HandStream = {
  readonly status: number
  readonly headers: Headers
  readonly streamId: string
  readonly events: Raw[]
  /** Set once the other side has closed it. */
  readonly ended: () => boolean
  close(): void
}

export type Answered = { readonly status: number; readonly headers: Headers; readonly text: string }

export const post = async (
  url: string,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = { 'Content-Type': 'application/json', Accept: 'application/json' },
): Promise<Answered> => {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    redirect: 'manual',
    headers,
    // Text would get a content type of its own.
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    signal: AbortSignal.timeout(10_000),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** `onEvent` hears of each event as it is read. */
export const openStream = async (url: string, body: unknown, onEvent: (event: Raw) => void = () => undefined): Promise<HandStream> => {
  const abort = new AbortController()
  const response = await fetch(`${url}/api/v1/scheduler`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify(body),
    signal: abort.signal,
  })
  const events: Raw[] = []
  let ended = false
  const read = async (): Promise<void> => {
    const reader = new RecordReader()
    for await (const chunk of response.body ?? [])
      for (const record of reader.push(chunk)) {
        const event = JSON.parse(String(record)) as Raw
        events.push(event)
        onEvent(event)
      }
  }
  void read()
    .catch(() => undefined)
    .finally(() => {
      ended = true
    })
  return {
    status: response.status,
    headers: response.headers,
    streamId: response.headers.get('mesos-stream-id') ?? '',
    events,
    ended: () => ended,
    close: () => abort.abort(),
  }
}

/** The first event from `from` on that answers; waits for it. */
export const eventOf = (stream: HandStream, what: string, is: (event: Raw) => boolean, from = 0): Promise<Raw> =>
  waitFor(() => stream.events.slice(from).find(is), { what, everyMs: 5, withinMs: 10_000, seen: () => stream.events.slice(-5) })
