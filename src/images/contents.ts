import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** One thing in an image, by its absolute path there. All of it belongs to root unless `owner` says otherwise. */
export type Entry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number; readonly owner?: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly source: string }
  | { readonly kind: 'text'; readonly path: string; readonly mode: number; readonly text: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }

/** A file of this machine, links on the way to it resolved; readable by all in the image, since nothing in an image is a secret. */
export const fileEntry = async (source: string, path: string): Promise<Entry> => {
  const real = await realpath(source)
  const { mode } = await stat(real)
  return { kind: 'file', path, source: real, mode: (mode & 0o111) === 0 ? 0o644 : 0o755 }
}

/** All files below a directory of this machine, links followed: an image has no use for a link that leads out of it. */
export const treeEntries = async (source: string, path: string, wanted: (name: string) => boolean = () => true): Promise<Entry[]> => {
  const entries: Entry[] = []
  for (const name of (await readdir(source)).toSorted()) {
    if (!wanted(name)) continue
    const from = join(source, name)
    const at = `${path}/${name}`
    const found = await stat(from).catch(() => undefined)
    if (found?.isDirectory()) entries.push(...(await treeEntries(from, at, wanted)))
    else if (found?.isFile()) entries.push(await fileEntry(from, at))
  }
  return entries
}

/** In an order of their own, each path once (the last wins), with the directories on the way. */
export const arranged = (entries: readonly Entry[]): readonly Entry[] => {
  const byPath = new Map<string, Entry>()
  for (const entry of entries) byPath.set(entry.path, entry)
  for (const { path } of entries)
    for (let parent = dirname(path); parent !== '/' && !byPath.has(parent); parent = dirname(parent))
      byPath.set(parent, { kind: 'directory', path: parent, mode: 0o755 })
  return [...byPath.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

export const bytesOf = async (entry: Extract<Entry, { kind: 'file' | 'text' }>): Promise<Buffer> =>
  entry.kind === 'text' ? Buffer.from(entry.text) : readFile(entry.source)
