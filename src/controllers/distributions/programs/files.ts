import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SECOND } from '../../../model/index.ts'
import { type Clock, hasCode } from '../../../runtime/index.ts'

/** A holder of a lock touches it this often, and one that was not touched for `STALE_MS` is dead. */
const HEARTBEAT_MS = 5 * SECOND
const STALE_MS = 30 * SECOND
const LOCK_POLL_MS = 200

/** What `work` gives, or undefined where the file it is about is not there. */
export const ifThere = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work
  } catch (cause) {
    if (hasCode(cause, 'ENOENT') || hasCode(cause, 'ENOTDIR')) return undefined
    throw cause
  }
}

export const sha256Of = async (path: string, signal: AbortSignal): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { signal })) hash.update(chunk)
  return hash.digest('hex')
}

/** The first word of a `.sha256` file, in the form of sha256sum: `HASH  NAME`. Undefined where that is no such file. */
export const parseSha256 = (text: string): string | undefined => /^\s*([0-9a-f]{64})\b/i.exec(text)?.[1]?.toLowerCase()

export const readSha256 = async (path: string): Promise<string | undefined> => {
  const text = await ifThere(readFile(path, 'utf8'))
  return text === undefined ? undefined : parseSha256(text)
}

/** Puts a finished file where it belongs: on the disk first, then under its name, so that nobody ever sees half of one. */
export const publish = async (from: string, to: string): Promise<void> => {
  const file = await open(from, 'r+')
  try {
    await file.chmod(0o644)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(from, to)
}

/**
 * Runs `work` while no other process does, by a file that its holder touches. Whoever dies leaves a file that grows old and is taken over;
 * should two take it over at the same moment, both work, which costs a download and nothing else: what is published is checked
 * first and renamed into place.
 */
export const withFileLock = async <T>(path: string, clock: Clock, signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
  await mkdir(dirname(path), { recursive: true })
  while (!(await take(path, clock))) await clock.sleep(LOCK_POLL_MS, signal)
  let beating = true
  let cancel = (): void => {}
  const beat = (): void => {
    cancel = clock.after(HEARTBEAT_MS, () => {
      const now = clock.now() / 1_000
      // A heartbeat that fails is one that is missed; the lock then grows old.
      void utimes(path, now, now).then(
        () => beating && beat(),
        () => beating && beat(),
      )
    })
  }
  beat()
  try {
    return await work()
  } finally {
    beating = false
    cancel()
    await rm(path, { force: true })
  }
}

const take = async (path: string, clock: Clock): Promise<boolean> => {
  try {
    const file = await open(path, 'wx', 0o644)
    try {
      const now = clock.now() / 1_000
      await file.utimes(now, now)
    } finally {
      await file.close()
    }
    return true
  } catch (cause) {
    if (!hasCode(cause, 'EEXIST')) throw cause
  }
  const held = await ifThere(stat(path))
  if (held !== undefined && clock.now() - held.mtimeMs > STALE_MS) await rm(path, { force: true })
  return false
}
