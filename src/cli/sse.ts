/** One event of a text/event-stream (HTML standard, section 9.2.6). */
export type ServerSentEvent = { readonly id: string; readonly event: string; readonly data: string }

/** Longest line and largest event that is kept: the whole queue of a controller is one event, and 10,000 items are under 4 MB. */
export const MAX_EVENT_CHARACTERS = 16 * 1_048_576

/**
 * Cuts a byte stream into events, wherever its chunks happen to be split: within a character, between CR and LF, within a field's name.
 * Keeps the last event's id, which a reader sends as Last-Event-ID when it comes back. Linear in the bytes.
 */
export class EventStreamParser {
  /** Swallows a byte order mark at the start, as the standard asks. */
  readonly #decoder = new TextDecoder()
  #rest = ''
  #afterCarriageReturn = false
  #lastId = ''
  #event = ''
  #data: string[] = []
  #dataLength = 0

  get lastId(): string {
    return this.#lastId
  }

  /** The events that are complete with this chunk, in order. Throws a RangeError where one is larger than MAX_EVENT_CHARACTERS. */
  push(chunk: Uint8Array): ServerSentEvent[] {
    let text = this.#decoder.decode(chunk, { stream: true })
    if (text === '') return []
    // A CR ended the last line already; the LF that follows it belongs to the same line end.
    if (this.#afterCarriageReturn && text.startsWith('\n')) text = text.slice(1)
    this.#afterCarriageReturn = text === '' ? false : text.endsWith('\r')
    const lines = text.split(/\r\n|\n|\r/)
    const unfinished = lines.pop() ?? ''
    const events: ServerSentEvent[] = []
    for (const line of lines) {
      const event = this.#take(this.#rest + line)
      this.#rest = ''
      if (event) events.push(event)
    }
    this.#rest += unfinished
    this.#checkSize(this.#rest.length)
    return events
  }

  #take(line: string): ServerSentEvent | undefined {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') {
      this.#dataLength += value.length
      this.#checkSize(this.#dataLength)
      this.#data.push(value)
    } else if (field === 'event') this.#event = value
    else if (field === 'id' && !value.includes('\0')) this.#lastId = value
    return undefined
  }

  #dispatch(): ServerSentEvent | undefined {
    const event: ServerSentEvent = { id: this.#lastId, event: this.#event || 'message', data: this.#data.join('\n') }
    const empty = this.#data.length === 0
    this.#event = ''
    this.#data = []
    this.#dataLength = 0
    return empty ? undefined : event
  }

  #checkSize(characters: number): void {
    if (characters > MAX_EVENT_CHARACTERS)
      throw new RangeError(`An event of the change feed is larger than ${MAX_EVENT_CHARACTERS} characters.`)
  }
}
