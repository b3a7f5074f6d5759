/** What the engine and the thread that reads the leader's stream for it say to each other. */
import type { HttpOptions } from './http.ts'
import type { MesosEvent } from './wire.ts'

/** How the thread speaks to a leader, as it is told at its start. */
export type ReaderSettings = Pick<HttpOptions, 'credentials' | 'tls'>

/** Streams are numbered: what still comes of one that was ended is nobody's. */
export type ToReader =
  | { readonly kind: 'open'; readonly stream: number; readonly origin: string; readonly path: string; readonly call: unknown }
  /** So many bytes of records were handled. */
  | { readonly kind: 'taken'; readonly stream: number; readonly bytes: number }
  | { readonly kind: 'abort'; readonly stream: number }

export type FromReader =
  /** Its program is loaded: a stream is opened without delay from now on. */
  { readonly kind: 'ready' } | FromStream

export type FromStream =
  | { readonly kind: 'opened'; readonly stream: number; readonly origin: string; readonly streamId: string }
  | {
      readonly kind: 'events'
      readonly stream: number
      /** All that one chunk of the connection completed. */
      readonly events: readonly MesosEvent[]
      readonly bytes: number
      /** When they had been read and parsed, in ms on the clock that all threads and processes of a machine share: bench/mesos goes by it. */
      readonly readAt: number
    }
  | { readonly kind: 'ended'; readonly stream: number; readonly failure?: Failure }

/** An error, as far as it is told across threads. `status` is that of a MesosHttpError. */
export type Failure = { readonly message: string; readonly status?: number }
