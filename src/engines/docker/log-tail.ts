import type { DockerClient } from './client/client.ts'
import { hasStatus } from './client/errors.ts'
import { LogFrames } from './client/frames.ts'

/** A first guess at how long lines are: too long only costs a second question. */
const BYTES_PER_LINE = 48
const LEAST_LINES = 16
/** How much more is asked for where it was too little. */
const MORE = 16

/**
 * The last bytes that a container wrote. The API counts in lines, so it is asked for as many as should do, and for more while they do not.
 * Memory: what is asked for, and one chunk. A container that is gone has said nothing.
 */
export const logTail = async (
  client: Pick<DockerClient, 'logs'>,
  containerId: string,
  bytes: number,
  signal: AbortSignal,
): Promise<string> => {
  if (bytes <= 0) return ''
  for (let lines = LEAST_LINES + Math.ceil(bytes / BYTES_PER_LINE); ; lines *= MORE) {
    const { tail, seenBytes, seenLines } = await readTail(client, containerId, lines, bytes, signal)
    // A line may be in several entries of the log, each counted as one by the daemon: fewer than asked for means that there are no more.
    if (seenBytes >= bytes || seenLines < lines) return textOf(tail)
  }
}

type Tail = { readonly tail: Buffer; readonly seenBytes: number; readonly seenLines: number }

const readTail = async (
  client: Pick<DockerClient, 'logs'>,
  id: string,
  lines: number,
  bytes: number,
  signal: AbortSignal,
): Promise<Tail> => {
  let tail = Buffer.alloc(0)
  let seenBytes = 0
  let seenLines = 0
  try {
    const frames = new LogFrames()
    for await (const chunk of await client.logs(id, lines, signal)) {
      for (const piece of frames.push(chunk)) {
        seenBytes += piece.bytes.length
        for (const byte of piece.bytes) if (byte === 0x0a) seenLines++
        tail = Buffer.concat([tail, piece.bytes])
        if (tail.length > 2 * bytes) tail = tail.subarray(-bytes)
      }
    }
  } catch (cause) {
    if (!hasStatus(cause, 404, 409)) throw cause
  }
  return { tail: tail.subarray(-bytes), seenBytes, seenLines }
}

/** Text that does not begin in the middle of a character. */
const textOf = (bytes: Buffer): string => {
  let from = 0
  while (from < 4 && ((bytes[from] ?? 0) & 0xc0) === 0x80) from++
  return bytes.subarray(from).toString('utf8')
}
