/**
 * The program of the thread that reads the leader's stream: the socket, the framing, the JSON and the watchdog are here, so that nothing of it
 * ever waits for what the engine's own thread does meanwhile (a pass of the scheduler, a commit that is forced to the disk). Started by
 * stream-reader.ts, which has the other end.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../runtime/index.ts'
import { MesosHttp, MesosHttpError, type OpenAnswer } from './http.ts'
import { RecordReader } from './record-io.ts'
import type { Failure, FromReader, ReaderSettings, ToReader } from './stream-messages.ts'
import { Watchdog } from './watchdog.ts'
import { type MesosEvent, readEvent } from './wire.ts'

const STREAM_ID = 'mesos-stream-id'
/**
 * So much of records may wait for the engine, and the record that passes it; then the socket is not read until some were taken. Four times the
 * offers of 2,000 agents: an engine that is further behind is held up by something else than a pass.
 */
const MAX_UNTAKEN_BYTES = 16 * 1_048_576

const http = new MesosHttp({ clock: systemClock, ...(workerData as ReaderSettings) })

const post = (message: FromReader): void => parentPort?.postMessage(message)

/** One stream, from its call to its end. */
class Reading {
  readonly stream: number
  readonly #abort = new AbortController()
  readonly #watchdog = new Watchdog(systemClock, silentMs =>
    this.end(new Error(`The leader has said nothing for ${Math.round(silentMs / 1_000)} s.`)),
  )
  #untakenBytes = 0
  #wake: () => void = () => undefined

  constructor(stream: number) {
    this.stream = stream
  }

  async run(origin: string, path: string, call: unknown): Promise<void> {
    const { signal } = this.#abort
    try {
      const answer = await http.open(origin, path, call, signal)
      post({ kind: 'opened', stream: this.stream, origin: answer.origin, streamId: await streamIdOf(answer) })
      await this.#read(answer.body)
      post({ kind: 'ended', stream: this.stream })
    } catch (cause) {
      post({ kind: 'ended', stream: this.stream, failure: failureOf(signal.aborted ? signal.reason : cause) })
    } finally {
      this.end(undefined)
    }
  }

  taken(bytes: number): void {
    this.#untakenBytes -= bytes
    if (this.#untakenBytes <= MAX_UNTAKEN_BYTES) this.#wake()
  }

  end(cause: unknown): void {
    this.#watchdog.stop()
    this.#abort.abort(cause)
    this.#wake()
  }

  async #read(body: OpenAnswer['body']): Promise<void> {
    const reader = new RecordReader()
    for await (const chunk of body) {
      this.#watchdog.alive()
      this.#hand(reader, chunk)
      if (this.#untakenBytes > MAX_UNTAKEN_BYTES) await this.#room()
    }
  }

  /** What was whole before something that is no event is handed on too. */
  #hand(reader: RecordReader, chunk: Uint8Array): void {
    const events: MesosEvent[] = []
    let bytes = 0
    try {
      for (const record of reader.push(chunk)) {
        const event = readEvent(record)
        if (event.type === 'SUBSCRIBED') this.#watchdog.expect((event.subscribed.heartbeat_interval_seconds ?? 0) * 1_000)
        events.push(event)
        bytes += record.length
      }
    } finally {
      this.#untakenBytes += bytes
      const readAt = Number(process.hrtime.bigint()) / 1e6
      if (events.length > 0) post({ kind: 'events', stream: this.stream, events, bytes, readAt })
    }
  }

  /** Resolves once the engine has caught up, or at the end. A leader that nobody listens to is not silent. */
  async #room(): Promise<void> {
    this.#watchdog.stop()
    await new Promise<void>(resolve => {
      this.#wake = resolve
    })
    if (!this.#abort.signal.aborted) this.#watchdog.resume()
  }
}

const streamIdOf = async (answer: OpenAnswer): Promise<string> => {
  const streamId = answer.headers[STREAM_ID]
  if (answer.status === 200 && typeof streamId === 'string') return streamId
  const text = await answer.body.text()
  throw new MesosHttpError(answer.status, `${answer.origin} answered SUBSCRIBE with ${answer.status}: ${text.slice(0, 500)}`)
}

const failureOf = (cause: unknown): Failure => ({
  message: cause instanceof Error ? cause.message : String(cause),
  ...(cause instanceof MesosHttpError ? { status: cause.status } : {}),
})

let reading: Reading | undefined
parentPort?.on('message', (message: ToReader) => {
  switch (message.kind) {
    case 'open':
      reading?.end(undefined)
      reading = new Reading(message.stream)
      void reading.run(message.origin, message.path, message.call)
      return
    case 'taken':
      if (reading?.stream === message.stream) reading.taken(message.bytes)
      return
    case 'abort':
      if (reading?.stream === message.stream) reading.end(undefined)
      return
    default:
      message satisfies never
  }
})
post({ kind: 'ready' })
