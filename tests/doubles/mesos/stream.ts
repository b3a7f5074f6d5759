/** The events of one subscription: RecordIO over an HTTP answer that never ends, and all that may go wrong with them. */
import type { ServerResponse } from 'node:http'
import type { Clock } from '../../../src/runtime/index.ts'
import type { Event } from './wire.ts'

/** What is done to events, on all streams, until it is changed. Types are those of events; `UPDATE` is the usual one. */
export type EventFaults = {
  /** Written in pieces of so many bytes, each a packet of its own: lengths, characters and records are cut anywhere. */
  pieceBytes: number | undefined
  readonly doubled: Set<string>
  readonly lost: Set<string>
  /** By type: held back for so many ms, while others overtake them. */
  readonly late: Map<string, number>
  /** Gathered, and sent in the opposite order once so many are there. */
  reversed: { readonly type: string; readonly count: number } | undefined
}

export const noEventFaults = (): EventFaults => ({
  pieceBytes: undefined,
  doubled: new Set(),
  lost: new Set(),
  late: new Map(),
  reversed: undefined,
})

/** A heartbeat's own bytes, made once. */
const frame = (event: Event): Buffer => {
  const json = Buffer.from(JSON.stringify(event))
  return Buffer.concat([Buffer.from(`${json.length}\n`), json])
}

export class EventStream {
  readonly id: string
  readonly #response: ServerResponse
  readonly #clock: Clock
  readonly #faults: EventFaults
  readonly #onClose: () => void
  #held: Buffer[] = []
  #writing: Promise<void> = Promise.resolve()
  #cancelHeartbeat = (): void => undefined
  isOpen = true
  /** Nothing comes any more, not even heartbeats, while the connection stands. */
  quiet = false

  constructor(id: string, response: ServerResponse, clock: Clock, faults: EventFaults, onClose: () => void) {
    this.id = id
    this.#response = response
    this.#clock = clock
    this.#faults = faults
    this.#onClose = onClose
    response.socket?.setNoDelay(true)
    response.sendDate = false
    response.writeHead(200, { 'Content-Type': 'application/json', 'Mesos-Stream-Id': id })
    response.on('close', () => this.#closed())
    response.on('error', () => this.#closed())
  }

  /** Sent, and not yet taken by the other side. */
  get pendingBytes(): number {
    return this.#response.writableLength
  }

  beat(everyMs: number): void {
    this.send({ type: 'HEARTBEAT' })
    this.#cancelHeartbeat()
    this.#cancelHeartbeat = this.#clock.after(everyMs, () => this.beat(everyMs))
  }

  send(event: Event): void {
    const { lost, doubled, late, reversed } = this.#faults
    if (!this.isOpen || this.quiet || lost.has(event.type)) return
    const bytes = frame(event)
    if (reversed?.type === event.type) {
      this.#held.push(bytes)
      if (this.#held.length < reversed.count) return
      for (const held of this.#held.toReversed()) this.#write(held)
      this.#held = []
      return
    }
    const lateMs = late.get(event.type)
    const write = (): void => {
      this.#write(bytes)
      if (doubled.has(event.type)) this.#write(bytes)
    }
    if (lateMs === undefined) write()
    else this.#clock.after(lateMs, write)
  }

  /** The last event of the leader's own will: the connection ends after it. */
  sendLast(event: Event): void {
    this.send(event)
    this.end()
  }

  end(): void {
    void this.#writing.then(() => this.#response.end())
    this.#closed()
  }

  /** Breaks off within a record. */
  breakWithin(event: Event): void {
    const bytes = frame(event)
    this.#response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => this.#response.destroy())
    this.#closed()
  }

  /** As a network does it. */
  destroy(): void {
    this.#response.destroy()
    this.#closed()
  }

  #write(bytes: Buffer): void {
    const { pieceBytes } = this.#faults
    if (!this.isOpen) return
    if (pieceBytes === undefined && this.#pieces === 0) {
      this.#response.write(bytes)
      return
    }
    this.#pieces++
    this.#writing = this.#writing.then(() => this.#writePieces(bytes, pieceBytes ?? bytes.length)).finally(() => this.#pieces--)
  }
  #pieces = 0

  async #writePieces(bytes: Buffer, size: number): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#response.destroyed; at += size) {
      this.#response.write(bytes.subarray(at, at + size))
      // The next turn of the loop is the next packet.
      await new Promise<void>(resolve => setImmediate(resolve))
    }
  }

  #closed(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#cancelHeartbeat()
    this.#onClose()
  }
}
