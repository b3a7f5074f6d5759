/**
 * The two framings of Docker's streams, fed with chunks that end anywhere: in the middle of a line, of a UTF-8 character, of a header.
 * Both work on bytes; text is made of whole lines alone.
 */

/** One line of a stream, such as one event or one step of a pull. The longest seen are some kilobytes; more is no line of Docker's. */
const MAX_LINE_BYTES = 1_048_576
const NEWLINE = 0x0a

/** Newline-delimited JSON: several lines in a chunk, or a part of one. Empty lines are passed over. */
export class LineSplitter {
  #rest: Uint8Array[] = []
  #restBytes = 0

  /** The lines that are whole now, without their ends. Throws a RangeError where one is longer than 1 MiB. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = []
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      const line = this.#take(chunk.subarray(from, at))
      if (line !== '') lines.push(line)
      from = at + 1
    }
    this.#keep(chunk.subarray(from))
    return lines
  }

  /** What came after the last newline: the daemon went away in the middle of a line, or did not end its last one. */
  end(): string {
    return this.#take(new Uint8Array())
  }

  #take(last: Uint8Array): string {
    const line = Buffer.concat([...this.#rest, last])
      .toString('utf8')
      .trim()
    this.#rest = []
    this.#restBytes = 0
    return line
  }

  #keep(part: Uint8Array): void {
    if (part.length === 0) return
    this.#restBytes += part.length
    if (this.#restBytes > MAX_LINE_BYTES) throw new RangeError(`A line of a Docker stream is longer than ${MAX_LINE_BYTES} bytes.`)
    this.#rest.push(part)
  }
}

export type LogPiece = { readonly stream: 'stdin' | 'stdout' | 'stderr'; readonly bytes: Uint8Array }

const STREAMS = ['stdin', 'stdout', 'stderr'] as const
const HEADER_BYTES = 8

/**
 * Logs and attached output of a container without a terminal: frames of an 8 byte header (the stream's number, three zeros, the length as a
 * big-endian 32 bit number) and so many bytes (Docker Engine API, "Attach to a container", stream format). Pieces are handed on as they come,
 * so that a frame of any length costs no memory.
 */
export class LogFrames {
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  #left = 0
  #stream: LogPiece['stream'] = 'stdout'

  /** Throws a RangeError where the bytes are no frames, as those of a container with a terminal. */
  push(chunk: Uint8Array): LogPiece[] {
    const pieces: LogPiece[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#left > 0) {
        const bytes = chunk.subarray(at, at + this.#left)
        pieces.push({ stream: this.#stream, bytes })
        this.#left -= bytes.length
        at += bytes.length
      } else {
        const part = chunk.subarray(at, at + HEADER_BYTES - this.#headerBytes)
        this.#header.set(part, this.#headerBytes)
        this.#headerBytes += part.length
        at += part.length
        if (this.#headerBytes === HEADER_BYTES) this.#begin()
      }
    }
    return pieces
  }

  #begin(): void {
    const stream = STREAMS[this.#header.readUInt8(0)]
    if (stream === undefined || this.#header.readUIntBE(1, 3) !== 0) throw new RangeError('This is no framed log of a container.')
    this.#stream = stream
    this.#left = this.#header.readUInt32BE(4)
    this.#headerBytes = 0
  }
}
