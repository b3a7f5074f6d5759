import { type OwnHandler, openWorkloadDoor } from '../router/index.ts'
import type { Clock } from '../runtime/index.ts'
import type { OpenDoor, StartHandler } from './opened-engine.ts'

const START_PATH = '/start/v1/'
const RETRY_SECONDS = '2'

/**
 * Manor's address for workloads that do not share its loopback. It is opened before the API is there, since engines have to know it: who comes
 * too early is told to come again.
 */
export class Door {
  url: string | undefined
  readonly #clock: Clock
  readonly #undo: AsyncDisposableStack
  #own: OwnHandler = tooEarly
  #start: StartHandler = tooEarly

  constructor(clock: Clock, undo: AsyncDisposableStack) {
    this.#clock = clock
    this.#undo = undo
  }

  async open(listen: { readonly host: string; readonly port: number }, url?: string): Promise<OpenDoor> {
    const own: OwnHandler = (request, response) => (request.url?.startsWith(START_PATH) ? this.#start : this.#own)(request, response)
    const { address } = this.#undo.use(await openWorkloadDoor({ own, clock: this.#clock, listen }))
    this.url = url?.replace(/\/+$/, '') ?? `http://${address.host}:${address.port}`
    return {
      port: address.port,
      url: this.url,
      onStart: handler => {
        this.#start = handler
      },
    }
  }

  /** Manor itself answers from now on. */
  answer(own: OwnHandler): void {
    this.#own = own
  }
}

const tooEarly: OwnHandler = (request, response) => {
  request.resume()
  response.writeHead(503, { 'retry-after': RETRY_SECONDS, 'content-length': 0 }).end()
}
