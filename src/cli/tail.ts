/**
 * What is new in a log of which only the last part can be read. `before` and `now` are two readings of the same log's end, oldest byte first;
 * the answer is what was written between them. Where nothing of `before` is left (more was written than a reading holds, or the log was begun
 * anew) all of `now` is new and `gap` is true. Linear: the longest end of `before` that `now` begins with, by Knuth, Morris and Pratt's
 * prefix function (SIAM Journal on Computing 6, 1977).
 */
export const newBytes = (before: Buffer, now: Buffer): { readonly bytes: Buffer; readonly gap: boolean } => {
  if (before.length === 0) return { bytes: now, gap: false }
  const common = longestOverlap(before, now)
  return { bytes: now.subarray(common), gap: common === 0 && now.length > 0 }
}

const longestOverlap = (before: Buffer, now: Buffer): number => {
  const failure = new Int32Array(now.length)
  for (let index = 1, matched = 0; index < now.length; index++) {
    while (matched > 0 && now[index] !== now[matched]) matched = failure[matched - 1] ?? 0
    if (now[index] === now[matched]) matched++
    failure[index] = matched
  }
  let matched = 0
  for (let index = 0; index < before.length; index++) {
    if (matched === now.length) matched = failure[matched - 1] ?? 0
    while (matched > 0 && before[index] !== now[matched]) matched = failure[matched - 1] ?? 0
    if (now.length > 0 && before[index] === now[matched]) matched++
  }
  return matched
}

/** Cuts bytes into whole lines; the last, unfinished one waits for its end. */
export class LineSplitter {
  readonly #decoder = new TextDecoder()
  #rest = ''

  push(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n')
    this.#rest = lines.pop() ?? ''
    return lines.map(line => line.replace(/\r$/, ''))
  }

  /** What is left without a line end. */
  end(): string[] {
    const rest = this.#rest + this.#decoder.decode()
    this.#rest = ''
    return rest === '' ? [] : [rest]
  }
}
