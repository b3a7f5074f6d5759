import { type Dispatcher, request } from 'undici'
import { SECOND } from '../../model/index.ts'
import { type Clock, deadline } from '../../runtime/index.ts'
import type { ProbeController } from '../ports.ts'

/** A program that takes longer than this to answer is not ready for a person either. */
const PROBE_TIMEOUT_MS = 5 * SECOND
/** The login page of Hudson is 9 kB; its version is at its foot. */
const MAX_PAGE_BYTES = 65_536
const VERSION_AT_FOOT = />Hudson ver\. ([\w.-]{1,40})</

/**
 * Asks a controller's `/login`, which is open to all: 200 with a version is ready, anything else that answers is starting. The program
 * answers 503 to everything until its hook has run, so "ready" also means that it is secured.
 */
export const createProbe =
  (clock: Clock, dispatcher?: Dispatcher): ProbeController =>
  async (endpoint, prefix, { versionHeader }, signal) => {
    const limit = deadline(clock, PROBE_TIMEOUT_MS, signal)
    try {
      const answer = await request(`http://${endpoint.host}:${endpoint.httpPort}${prefix}/login`, {
        signal: limit.signal,
        ...(dispatcher === undefined ? {} : { dispatcher }),
      })
      const header = answer.headers[versionHeader]
      if (answer.statusCode !== 200 || typeof header === 'string') {
        await answer.body.dump()
        return answer.statusCode === 200 && typeof header === 'string' ? { kind: 'ready', version: header } : { kind: 'starting' }
      }
      // Hudson's login page has no such header.
      const version = versionHeader === 'x-hudson' ? VERSION_AT_FOOT.exec(await pageOf(answer.body))?.[1] : undefined
      await answer.body.dump()
      return version === undefined ? { kind: 'starting' } : { kind: 'ready', version }
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      // It accepted the connection and did not answer in time: it is there.
      return limit.signal.aborted ? { kind: 'starting' } : refusedUnlessBug(cause)
    } finally {
      limit.done()
    }
  }

const pageOf = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= MAX_PAGE_BYTES) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

const refusedUnlessBug = (cause: unknown): { readonly kind: 'refused' } => {
  if (cause instanceof Error && 'code' in cause) return { kind: 'refused' }
  throw cause
}
