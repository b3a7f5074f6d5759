/**
 * As much of ZooKeeper's protocol as finding a leader needs (ZooKeeper 3.4 to 3.8, zookeeper.jute): big-endian fields, frames with their length
 * before them.
 */

/** Of the protocol: operations, and what may come unasked. */
export const OPERATION = { create: 1, exists: 3, getData: 4, ping: 11, auth: 100, getChildren2: 12, close: -11 } as const
export const XID = { notification: -1, ping: -2, auth: -4 } as const
export const ERROR = { ok: 0, noNode: -101, noAuth: -102, sessionExpired: -112, authFailed: -115 } as const

/** A frame larger than this is none: ZooKeeper's own limit for a node is a megabyte (jute.maxbuffer). */
export const MAX_FRAME_BYTES = 4 * 1_048_576

export class ZooKeeperError extends Error {
  override readonly name = 'ZooKeeperError'
  readonly code: number
  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export class Writer {
  readonly #parts: Buffer[] = []

  int(value: number): this {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(value)
    this.#parts.push(bytes)
    return this
  }

  long(value: bigint): this {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64BE(value)
    this.#parts.push(bytes)
    return this
  }

  bool(value: boolean): this {
    this.#parts.push(Buffer.of(value ? 1 : 0))
    return this
  }

  buffer(value: Uint8Array): this {
    this.int(value.length)
    this.#parts.push(Buffer.from(value))
    return this
  }

  text(value: string): this {
    return this.buffer(Buffer.from(value, 'utf8'))
  }

  /** With the length before it. */
  frame(): Buffer {
    const body = Buffer.concat(this.#parts)
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length)
    return Buffer.concat([length, body])
  }
}

/** Throws a RangeError where the frame is shorter than what is read of it. */
export class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int(): number {
    const value = this.#bytes.readInt32BE(this.#at)
    this.#at += 4
    return value
  }

  long(): bigint {
    const value = this.#bytes.readBigInt64BE(this.#at)
    this.#at += 8
    return value
  }

  buffer(): Buffer {
    const length = this.int()
    if (length < 0) return Buffer.alloc(0)
    if (this.#at + length > this.#bytes.length) throw new RangeError('A frame of ZooKeeper is shorter than it says.')
    const value = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return value
  }

  text(): string {
    return this.buffer().toString('utf8')
  }

  texts(): string[] {
    return Array.from({ length: Math.max(0, this.int()) }, () => this.text())
  }
}

/** Takes chunks and gives whole frames, without their length. */
export class FrameReader {
  #pending = Buffer.alloc(0)

  push(chunk: Buffer): Buffer[] {
    this.#pending = Buffer.concat([this.#pending, chunk])
    const frames: Buffer[] = []
    while (this.#pending.length >= 4) {
      const length = this.#pending.readInt32BE()
      if (length < 0 || length > MAX_FRAME_BYTES) throw new RangeError(`A frame of ZooKeeper of ${length} bytes is none.`)
      if (this.#pending.length < 4 + length) break
      frames.push(this.#pending.subarray(4, 4 + length))
      this.#pending = this.#pending.subarray(4 + length)
    }
    return frames
  }
}
