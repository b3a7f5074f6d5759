/**
 * RecordIO, the framing of Mesos' streams: `<length in decimal>\n<so many bytes>`, one after the other, with nothing between. Lengths count
 * bytes; chunks of the connection end anywhere, within a length or a character too.
 */

/** More digits than any record can need: what follows is no RecordIO. */
const MAX_LENGTH_DIGITS = 10
/**
 * Largest record that is taken. OFFERS of 2,000 agents are about 4 MB; a hundred times the talk's cluster fits. Larger is an error of framing
 * sooner than an event, and would be held in memory whole.
 */
export const MAX_RECORD_BYTES = 256 * 1_048_576

const NEWLINE = 0x0a
const ZERO = 0x30

export class RecordIoError extends Error {
  override readonly name = 'RecordIoError'
}

/** Takes chunks and gives whole records. Throws a RecordIoError where the bytes are no RecordIO; then it is of no more use. */
export class RecordReader {
  #chunks: Buffer[] = []
  #have = 0
  /** Bytes still to come of the record that is read; undefined while its length is. */
  #wanted: number | undefined
  #length = 0
  #digits = 0

  push(chunk: Uint8Array): Buffer[] {
    const records: Buffer[] = []
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    while (rest.length > 0) {
      if (this.#wanted === undefined) {
        rest = this.#readLength(rest)
        continue
      }
      const part = rest.subarray(0, this.#wanted - this.#have)
      rest = rest.subarray(part.length)
      this.#chunks.push(part)
      this.#have += part.length
      if (this.#have < this.#wanted) continue
      records.push(this.#chunks.length === 1 ? part : Buffer.concat(this.#chunks, this.#have))
      this.#chunks = []
      this.#have = 0
      this.#wanted = undefined
    }
    return records
  }

  #readLength(bytes: Buffer): Buffer {
    let at = 0
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (byte === NEWLINE) {
        if (this.#digits === 0 || this.#length === 0) throw new RecordIoError('A record has no length.')
        if (this.#length > MAX_RECORD_BYTES)
          throw new RecordIoError(`A record of ${this.#length} bytes is larger than the ${MAX_RECORD_BYTES} that are taken.`)
        this.#wanted = this.#length
        this.#length = 0
        this.#digits = 0
        return bytes.subarray(at + 1)
      }
      if (byte < ZERO || byte > ZERO + 9 || ++this.#digits > MAX_LENGTH_DIGITS)
        throw new RecordIoError('The stream does not hold records: a length is no number.')
      this.#length = this.#length * 10 + (byte - ZERO)
    }
    return bytes.subarray(at)
  }
}
