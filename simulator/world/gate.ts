/**
 * What stands between one Manor and all that it can touch. Once it is closed, which is what kill -9 does, no call of that Manor has an effect or
 * comes back: it goes on only in the sense in which a dead process does.
 */
export class Gate {
  /** Called at each crossing, before a call has its effect and after. */
  readonly #onCrossing: () => void
  readonly #connections = new Set<(cause: Error) => void>()
  #open = true

  constructor(onCrossing: () => void) {
    this.#onCrossing = onCrossing
  }

  get isOpen(): boolean {
    return this.#open
  }

  close(): void {
    this.#open = false
    for (const reset of this.#connections) reset(new Error('Connection reset by peer.'))
    this.#connections.clear()
  }

  /** One call of Manor's to the outside. */
  async out<T>(call: () => T | Promise<T>): Promise<T> {
    this.#onCrossing()
    if (!this.#open) return never()
    try {
      const answer = await call()
      this.#onCrossing()
      return this.#open ? answer : await never<T>()
    } catch (cause) {
      if (!this.#open) return never()
      throw cause
    }
  }

  /** What someone asks of Manor: it rejects when Manor dies before the answer. */
  connection<T>(call: () => Promise<T>): Promise<T> {
    if (!this.#open) return Promise.reject(new Error('Connection refused.'))
    return new Promise<T>((resolve, reject) => {
      this.#connections.add(reject)
      const done = (): void => void this.#connections.delete(reject)
      call().then(
        value => {
          done()
          resolve(value)
        },
        (cause: unknown) => {
          done()
          reject(cause)
        },
      )
    })
  }
}

/** One for each caller: a shared one would keep every caller that ever waited on it. */
const never = <T>(): Promise<T> => new Promise<T>(() => undefined)
