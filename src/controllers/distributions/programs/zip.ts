import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Entry, openPromise, type ZipFile } from 'yauzl'

/** Names with `..`, absolute ones and the like are refused by the library itself (validateFileName). */
const withZip = async <T>(path: string, work: (zip: ZipFile) => Promise<T>): Promise<T> => {
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false })
  try {
    return await work(zip)
  } finally {
    zip.close()
  }
}

/** Looks at the entries in order until `visit` gives something. Reads the central directory alone, so a large archive costs little. */
const findEntry = <T>(zip: ZipFile, visit: (entry: Entry) => Promise<T | undefined> | T | undefined): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    zip.on('error', reject)
    zip.on('end', () => resolve(undefined))
    zip.on('entry', (entry: Entry) => {
      Promise.resolve(visit(entry)).then(found => (found === undefined ? zip.readEntry() : resolve(found)), reject)
    })
    zip.readEntry()
  })

/** Text of one small entry, or undefined where there is none of that name. Rejects where it is larger than `mostBytes`. */
export const readZipText = (path: string, name: string, mostBytes: number): Promise<string | undefined> =>
  withZip(path, zip =>
    findEntry(zip, async entry => {
      if (entry.fileName !== name) return undefined
      if (entry.uncompressedSize > mostBytes) throw new RangeError(`${name} in ${path} is larger than ${mostBytes} bytes.`)
      const chunks: Buffer[] = []
      for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk)
      return Buffer.concat(chunks).toString('utf8')
    }),
  )

/** Unpacks the first entry that `wanted` takes to the file `target`, and gives its name; undefined where there is none. */
export const extractZipEntry = (
  path: string,
  wanted: (name: string) => boolean,
  target: string,
  signal: AbortSignal,
): Promise<string | undefined> =>
  withZip(path, zip =>
    findEntry(zip, async entry => {
      if (!wanted(entry.fileName)) return undefined
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target), { signal })
      return entry.fileName
    }),
  )

/** Mode bits of a file that was packed on Unix; the upper half of the external attributes. */
const modeOf = (entry: Entry): number => (entry.externalFileAttributes >>> 16) & 0o777

/** Unpacks all files below `prefix` into the directory `target`, executables as such. Links and other special files are not in what we unpack. */
export const extractZipTree = (path: string, prefix: string, target: string, signal: AbortSignal): Promise<void> =>
  withZip(path, async zip => {
    await findEntry(zip, async entry => {
      signal.throwIfAborted()
      const { fileName } = entry
      if (!fileName.startsWith(prefix) || fileName.endsWith('/')) return undefined
      const file = join(target, fileName.slice(prefix.length))
      await mkdir(dirname(file), { recursive: true })
      const mode = modeOf(entry) & 0o111 ? 0o755 : 0o644
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(file, { mode }), { signal })
      return undefined
    })
  })
