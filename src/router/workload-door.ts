import { createServer, type Server } from 'node:http'
import type { Clock } from '../runtime/index.ts'
import { answerNotice } from './answer.ts'
import type { OwnHandler } from './entrance.ts'
import { listenError } from './errors.ts'
import type { Notice } from './notices.ts'
import type { RouterAddress } from './router.ts'

/**
 * What workloads may ask of Manor: their hook's service, and what they are to run. Each answers only to a token of its own, and everything else
 * of Manor is not there, so a build that reaches this address has found a door with two bells.
 */
const FOR_WORKLOADS: readonly string[] = ['/hook/v1/', '/start/v1/']
/** Hooks keep one long poll and one connection for reports each; a fleet of 10,000 controllers is the most that is planned for. */
const MAX_CONNECTIONS = 40_000
const HEAD_TIMEOUT_MS = 30_000
/** Longer than the longest poll of a hook. */
const KEEP_ALIVE_MS = 75_000
const CLOSE_GRACE_MS = 1_000

export type WorkloadDoorOptions = {
  /** Manor's own answers. */
  readonly own: OwnHandler
  readonly clock: Clock
  readonly listen: { readonly host: string; readonly port: number }
}

export interface WorkloadDoor extends AsyncDisposable {
  readonly address: RouterAddress
}

/**
 * A second address of Manor for workloads that do not share this machine's loopback: containers and far hosts. Rejects with a RouterError as
 * the router does.
 */
export const openWorkloadDoor = async ({ own, clock, listen }: WorkloadDoorOptions): Promise<WorkloadDoor> => {
  const server = createServer({ headersTimeout: HEAD_TIMEOUT_MS, requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true })
  server.maxConnections = MAX_CONNECTIONS
  server.on('request', (request, response) => {
    const target = request.url ?? ''
    if (FOR_WORKLOADS.some(path => target.startsWith(path))) own(request, response)
    else answerNotice(request, response, NOT_HERE, '')
  })
  await listening(server, listen)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('The door for workloads has no address.')
  return {
    address: { host: address.address, port: address.port },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>(done => server.close(() => done()))
      server.closeIdleConnections()
      const cancel = clock.after(CLOSE_GRACE_MS, () => server.closeAllConnections())
      await closed
      cancel()
    },
  }
}

const NOT_HERE: Notice = {
  status: 404,
  code: 'not-found',
  title: 'Not here',
  detail: 'This address answers controllers’ hooks and starting workloads alone.',
  mend: 'Ask Manor’s own address.',
}

const listening = (server: Server, { host, port }: WorkloadDoorOptions['listen']): Promise<void> =>
  new Promise((resolved, reject) => {
    const onError = (cause: NodeJS.ErrnoException): void => reject(listenError(cause, host, port))
    server.once('error', onError)
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.off('error', onError)
      resolved()
    })
  })
