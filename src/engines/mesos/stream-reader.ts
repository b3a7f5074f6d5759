import { Worker } from 'node:worker_threads'
import { MesosHttpError } from './http.ts'
import type { Failure, FromReader, FromStream, ReaderSettings, ToReader } from './stream-messages.ts'
import type { MesosEvent } from './wire.ts'

/** A stream that the leader has accepted. Its events end with it, or reject with what ended it; batch by batch, as they were read. */
export type EventStream = { readonly origin: string; readonly streamId: string; readonly batches: AsyncIterable<readonly MesosEvent[]> }

/**
 * Reads streams of events in a thread of its own (stream-worker.ts), one stream at a time. The thread begins with the first stream and is kept
 * for those that follow; it keeps no process alive. One that dies is the end of its stream, and the next stream begins another.
 */
export class StreamReader {
  readonly #settings: ReaderSettings
  #thread: Worker | undefined
  #ready = Promise.withResolvers<void>()
  #streams = 0
  #inbox: Inbox | undefined

  constructor(settings: ReaderSettings) {
    this.#settings = settings
  }

  /** Begins the thread, where none has begun; resolves once a stream is opened without delay. A process that waits for it does not end meanwhile. */
  async start(): Promise<void> {
    this.#thread ??= this.#begin()
    const thread = this.#thread
    thread.ref()
    try {
      await this.#ready.promise
    } finally {
      thread.unref()
    }
  }

  /** Rejects with a MesosHttpError where the leader does not accept the call. The signal ends the stream, also once it is open. */
  async open(origin: string, path: string, call: unknown, signal: AbortSignal): Promise<EventStream> {
    signal.throwIfAborted()
    this.#thread ??= this.#begin()
    const thread = this.#thread
    const stream = ++this.#streams
    const tell = (message: ToReader): void => thread.postMessage(message)
    const inbox = new Inbox(stream, bytes => tell({ kind: 'taken', stream, bytes }))
    this.#inbox = inbox
    const onAbort = (): void => {
      inbox.end(signal.reason)
      tell({ kind: 'abort', stream })
    }
    signal.addEventListener('abort', onAbort, { once: true })
    tell({ kind: 'open', stream, origin, path, call })
    const opened = await inbox.opened
    return { ...opened, batches: inbox }
  }

  async close(): Promise<void> {
    await this.#thread?.terminate()
  }

  #begin(): Worker {
    const thread = new Worker(new URL('stream-worker.ts', import.meta.url), { name: 'mesos-stream', workerData: this.#settings })
    const ready = Promise.withResolvers<void>()
    this.#ready = ready
    let cause: unknown
    thread.on('message', (message: FromReader) => {
      if (message.kind === 'ready') ready.resolve()
      else this.#inbox?.hear(message)
    })
    thread.on('error', error => {
      cause = error
    })
    thread.on('exit', () => {
      this.#thread = undefined
      // The next stream tries anew, and tells what goes wrong.
      ready.resolve()
      const why = cause instanceof Error ? `: ${cause.message}` : ''
      this.#inbox?.end(new Error(`The thread that reads the stream has ended${why}`, { cause }))
    })
    // Listening to its messages keeps the process alive again, so this comes last.
    thread.unref()
    return thread
  }
}

type Batch = { readonly events: readonly MesosEvent[]; readonly bytes: number }

/** What was read of one stream and not handled yet: the thread stops reading before it is too much. */
class Inbox implements AsyncIterable<readonly MesosEvent[]> {
  readonly #stream: number
  readonly #onTaken: (bytes: number) => void
  readonly #opened = Promise.withResolvers<Pick<EventStream, 'origin' | 'streamId'>>()
  #batches: Batch[] = []
  #end: { readonly cause?: unknown } | undefined
  #wake: () => void = () => undefined

  constructor(stream: number, onTaken: (bytes: number) => void) {
    this.#stream = stream
    this.#onTaken = onTaken
  }

  get opened(): Promise<Pick<EventStream, 'origin' | 'streamId'>> {
    return this.#opened.promise
  }

  hear(message: FromStream): void {
    if (message.stream !== this.#stream || this.#end !== undefined) return
    switch (message.kind) {
      case 'opened':
        this.#opened.resolve(message)
        return
      case 'events':
        this.#batches.push(message)
        this.#wake()
        return
      case 'ended':
        this.#endWith(message.failure === undefined ? {} : { cause: errorOf(message.failure) })
        return
      default:
        message satisfies never
    }
  }

  /** Ends it at once; what was not handled is dropped. */
  end(cause: unknown): void {
    this.#batches = []
    this.#endWith({ cause })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly MesosEvent[]> {
    for (;;) {
      const batch = this.#batches.shift()
      if (batch !== undefined) {
        yield batch.events
        this.#onTaken(batch.bytes)
      } else if (this.#end === undefined) {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      } else {
        if ('cause' in this.#end) throw this.#end.cause
        return
      }
    }
  }

  #endWith(end: { readonly cause?: unknown }): void {
    this.#end ??= end
    this.#opened.reject(end.cause)
    this.#wake()
  }
}

const errorOf = ({ message, status }: Failure): Error => (status === undefined ? new Error(message) : new MesosHttpError(status, message))
