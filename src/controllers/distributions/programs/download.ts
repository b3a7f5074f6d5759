import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Dispatcher } from 'undici'
import { SECOND } from '../../../model/index.ts'
import { type Backoff, backoffDelay, type Random } from '../../../runtime/index.ts'
import { progressDeadline } from '../../progress-deadline.ts'
import type { ProgramProgress } from '../distribution.ts'
import { ProgramError } from './errors.ts'
import { ifThere, publish, sha256Of } from './files.ts'
import { get, type HttpPorts, statusError, unreachable } from './http.ts'

/** A download that stands still for this long is begun again where it was. */
const STALL_MS = 30 * SECOND
/** Tries in a row that brought nothing at all. One that brought something starts the count anew, so a bad line only takes longer. */
const MAX_VAIN_TRIES = 5
const BACKOFF: Backoff = { firstMs: 500, factor: 2, mostMs: 15 * SECOND }

export type Download = {
  readonly url: string
  /** Where it is to be in the end; `.part` beside it holds what came so far, over restarts. */
  readonly target: string
  readonly sha256: string
  /** For people: "Jenkins 2.541.3". */
  readonly name: string
}

/**
 * Brings a file: goes on where an earlier try broke off if the server still has the same one (RFC 9110, If-Range), checks the whole against
 * its SHA-256, then puts it under its name. Rejects with a ProgramError.
 */
export const download = async (
  ports: HttpPorts & { readonly random: Random },
  wanted: Download,
  progress: ProgramProgress,
  signal: AbortSignal,
): Promise<void> => {
  await mkdir(dirname(wanted.target), { recursive: true })
  const part = `${wanted.target}.part`
  let vain = 0
  let mismatches = 0
  for (;;) {
    const before = await sizeOf(part)
    try {
      await fetchRest(ports, wanted, part, before, progress, signal)
      if ((await sha256Of(part, signal)) === wanted.sha256) break
      await forget(part)
      mismatches++
      if (mismatches > 1)
        throw new ProgramError(
          'checksum',
          `${wanted.url} came twice with another SHA-256 than ${wanted.sha256}: its mirror is broken or not honest; set MANOR_JENKINS_MIRROR to another.`,
        )
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      if (cause instanceof ProgramError && cause.code !== 'unreachable') throw cause
      vain = (await sizeOf(part)) > before ? 1 : vain + 1
      if (vain >= MAX_VAIN_TRIES) throw unreachable(wanted.url, cause)
      await ports.clock.sleep(backoffDelay(BACKOFF, vain, ports.random), signal)
    }
  }
  await publish(part, wanted.target)
  await forget(part)
}

const sizeOf = async (path: string): Promise<number> => (await ifThere(stat(path)))?.size ?? 0

const validatorFile = (part: string): string => `${part}.validator`

const forget = async (part: string): Promise<void> => {
  await rm(part, { force: true })
  await rm(validatorFile(part), { force: true })
}

/** What says that the server's file is still the same: a strong ETag, else the date. A weak ETag will not do for bytes. */
const validatorOf = (headers: Dispatcher.ResponseData['headers']): string | undefined => {
  const { etag, 'last-modified': lastModified } = headers
  if (typeof etag === 'string' && !etag.startsWith('W/')) return etag
  return typeof lastModified === 'string' ? lastModified : undefined
}

const fetchRest = async (
  ports: HttpPorts,
  { url, name }: Download,
  part: string,
  have: number,
  progress: ProgramProgress,
  signal: AbortSignal,
): Promise<void> => {
  const validator = have === 0 ? undefined : await ifThere(readFile(validatorFile(part), 'utf8'))
  const limit = progressDeadline(ports.clock, STALL_MS, signal)
  try {
    const answer = await get(ports, url, validator === undefined ? {} : { range: `bytes=${have}-`, 'if-range': validator }, limit.signal)
    const { statusCode, headers } = answer
    if (statusCode !== 200 && statusCode !== 206) {
      await answer.body.dump()
      // Nothing comes after what is there: it is whole, and the checksum will say whether it is right.
      if (statusCode === 416) return
      throw statusError(url, statusCode)
    }
    const from = statusCode === 206 ? startOf(headers['content-range']) : 0
    if (from !== 0 && from !== have) throw new ProgramError('unreachable', `${url} answered with another range than was asked for.`)
    const fresh = validatorOf(headers)
    await rm(validatorFile(part), { force: true })
    if (fresh !== undefined) await writeFile(validatorFile(part), fresh)
    const length = Number(headers['content-length'])
    const totalBytes = Number.isSafeInteger(length) ? from + length : undefined
    let doneBytes = from
    // Each piece is in the file before the next is asked for: what came stays, however the rest goes.
    const file = await open(part, from === 0 ? 'w' : 'a')
    try {
      for await (const chunk of answer.body) {
        limit.progress()
        await file.writeFile(chunk)
        doneBytes += chunk.length
        progress({ message: `Downloading ${name}`, doneBytes, ...(totalBytes === undefined ? {} : { totalBytes }) })
      }
    } finally {
      await file.close()
    }
    if (totalBytes !== undefined && doneBytes !== totalBytes)
      throw new ProgramError('unreachable', `${url} broke off after ${doneBytes} of ${totalBytes} bytes.`)
  } catch (cause) {
    throw signal.aborted ? signal.reason : unreachable(url, cause)
  } finally {
    limit.done()
  }
}

const startOf = (range: string | string[] | undefined): number => Number(/^bytes (\d+)-/.exec(String(range))?.[1] ?? Number.NaN)
