/** How Jenkins writes an annotation into a log: hudson/console/ConsoleNote, PREAMBLE and POSTAMBLE. */
const NOTE_START = '\u001b[8mha:'
const NOTE_END = '\u001b[0m'
/** An annotation that has not ended within this much is taken for text: annotations are some hundred characters. */
const MAX_NOTE_LENGTH = 65_536

/**
 * Makes of what `progressiveText` sends what was printed: takes out the annotations, which are encoded objects for the web page, and the carriage
 * returns that are put before every line end. Both may be cut in two by the end of a piece, so what could be the beginning of one
 * is held back until the next piece.
 */
export class LogText {
  #held = ''

  /** Text that is certain now. */
  add(piece: string): string {
    let text = this.#held + piece
    this.#held = ''
    let clean = ''
    for (;;) {
      const start = text.indexOf(NOTE_START)
      if (start < 0) break
      const end = text.indexOf(NOTE_END, start)
      if (end < 0 && text.length - start <= MAX_NOTE_LENGTH) {
        this.#held = text.slice(start)
        return clean + plain(text.slice(0, start))
      }
      const after = end < 0 ? text.length : end + NOTE_END.length
      clean += plain(text.slice(0, start)) + (end < 0 ? text.slice(start) : '')
      text = text.slice(after)
    }
    const held = heldLength(text)
    this.#held = text.slice(text.length - held)
    return clean + plain(text.slice(0, text.length - held))
  }

  /** What is left once the log is complete. */
  end(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }
}

const plain = (text: string): string => text.replaceAll('\r\n', '\n')

/** Length of the end of `text` that may be the beginning of an annotation or of a line end. */
const heldLength = (text: string): number => {
  if (text.endsWith('\r')) return 1
  for (let length = Math.min(NOTE_START.length - 1, text.length); length > 0; length--)
    if (NOTE_START.startsWith(text.slice(text.length - length))) return length
  return 0
}
