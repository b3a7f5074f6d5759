import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createTarPacker, type TarHeader } from 'modern-tar'
import { arranged, bytesOf, type Entry } from './contents.ts'

/** A layer on disk: an uncompressed tar, named by what is in it. */
export type Layer = { readonly file: string; readonly sha256: string; readonly bytes: number }

/** The same for every build, or two builds of the same would differ (reproducible-builds.org, SOURCE_DATE_EPOCH). */
const EPOCH = new Date(0)

/** Writes entries as a tar. Holds one file's content in memory at a time. */
export const writeLayer = async (entries: readonly Entry[], file: string, signal: AbortSignal): Promise<Layer> => {
  const { readable, controller } = createTarPacker()
  const packing = pack(controller, arranged(entries)).catch((cause: unknown) => controller.error(cause))
  const written = await writeHashed(Readable.fromWeb(readable), file, signal)
  await packing
  return { file, ...written }
}

/** Writes a stream to a file and says what it was. */
export const writeHashed = async (
  source: Readable,
  file: string,
  signal: AbortSignal,
): Promise<{ readonly sha256: string; readonly bytes: number }> => {
  const hash = createHash('sha256')
  let bytes = 0
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      bytes += chunk.length
      done(null, chunk)
    },
  })
  await pipeline(source, measure, createWriteStream(file), { signal })
  return { sha256: hash.digest('hex'), bytes }
}

type Controller = ReturnType<typeof createTarPacker>['controller']

const pack = async (controller: Controller, entries: readonly Entry[]): Promise<void> => {
  for (const entry of entries) {
    const name = entry.path.slice(1)
    switch (entry.kind) {
      case 'directory':
        await put(controller, { ...owned(entry.owner), name: `${name}/`, type: 'directory', mode: entry.mode, size: 0 })
        break
      case 'link':
        await put(controller, { ...owned(), name, type: 'symlink', linkname: entry.target, mode: 0o777, size: 0 })
        break
      case 'file':
      case 'text': {
        const content = await bytesOf(entry)
        await put(controller, { ...owned(), name, type: 'file', mode: entry.mode, size: content.length }, content)
        break
      }
    }
  }
  controller.finalize()
}

const owned = (owner = 0): Pick<TarHeader, 'mtime' | 'uid' | 'gid' | 'uname' | 'gname'> => ({
  mtime: EPOCH,
  uid: owner,
  gid: owner,
  uname: '',
  gname: '',
})

const put = async (controller: Controller, header: TarHeader, content?: Buffer): Promise<void> => {
  const writer = controller.add(header).getWriter()
  if (content !== undefined && content.length > 0) await writer.write(content)
  await writer.close()
}
