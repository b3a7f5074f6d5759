import { MINUTE } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import type { Answer, Connection } from './connection.ts'
import { ClientError, isPassing } from './errors.ts'
import { LogText } from './log-text.ts'

/** Between two looks at a log that grows, and at one that did not. */
const GROWING_POLL_MS = 150
const QUIET_POLL_MS = 600
/** A controller that restarts is waited for this long; its build may go on or be gone, and the next answer says which. */
const AWAY_LIMIT_MS = 5 * MINUTE

/**
 * A build's log as it is written, until it is complete. The position counts bytes of the log as it is on disk, which is why it is
 * taken from the answer (`X-Text-Size`) and never counted here: the text that comes has its line ends changed. A character whose bytes come
 * in two answers is put together. An answer that breaks off is asked for again from the same position, and what was had of it is skipped:
 * a log only grows, so its beginning comes out the same.
 */
export async function* followLog(
  { connection, clock }: { readonly connection: Connection; readonly clock: Clock },
  path: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8')
  const log = new LogText()
  let position = 0
  /** Bytes that were had of the answer for this position. */
  let had = 0
  let awaySince: number | undefined
  for (;;) {
    let headers: Answer['headers'] = {}
    const keepHeaders = (given: Answer['headers']): void => {
      headers = given
    }
    let skip = had
    try {
      const call = { what: 'give the log', method: 'GET', path: `${path}?start=${position}` } as const
      for await (const bytes of connection.stream(call, keepHeaders, signal)) {
        const fresh = bytes.subarray(skip)
        skip -= bytes.length - fresh.length
        had += fresh.length
        const text = log.add(decoder.decode(fresh, { stream: true }))
        if (text !== '') yield text
      }
      awaySince = undefined
    } catch (cause) {
      if (!isPassing(cause)) throw cause
      awaySince ??= clock.monotonic()
      if (clock.monotonic() - awaySince > AWAY_LIMIT_MS) throw cause
      await clock.sleep(QUIET_POLL_MS, signal)
      continue
    }
    const next = positionOf(headers, position)
    if (headers['x-more-data'] !== 'true') break
    await clock.sleep(next > position ? GROWING_POLL_MS : QUIET_POLL_MS, signal)
    position = next
    had = 0
  }
  const rest = log.add(decoder.decode()) + log.end()
  if (rest !== '') yield rest
}

const positionOf = (headers: Answer['headers'], before: number): number => {
  const size = Number(headers['x-text-size'])
  if (!Number.isSafeInteger(size) || size < 0)
    throw new ClientError('unexpected', 'The controller could not give the log: its answer does not say how long the log is.')
  return Math.max(size, before)
}
