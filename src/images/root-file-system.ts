import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import { hasCode } from '../runtime/index.ts'
import { type Entry, fileEntry, treeEntries } from './contents.ts'
import { ImageError } from './errors.ts'
import { type Layer, writeHashed, writeLayer } from './layer.ts'

/**
 * What an image stands on: a root file system as a tar, plain or gzipped (`debootstrap --variant=minbase`, an export of an image); or what of
 * this machine a build in a shell and a Java need, for where nothing else is at hand.
 */
export type Base = { readonly kind: 'tar'; readonly file: string } | { readonly kind: 'machine' }

/** Whose home and processes those of a container are, unless its engine says otherwise. */
export const USER_ID = 1_000

const run = promisify(execFile)
const LDD_TIMEOUT_MS = 30_000

/** What a shell step of a build expects to find. */
const TOOLS =
  'sh bash env ls cat cp mv rm mkdir rmdir ln chmod touch sleep date uname id whoami head tail sort uniq wc tr cut tee grep sed awk find xargs tar gzip gunzip unzip dirname basename readlink realpath mktemp printf echo true false test expr seq hostname kill nproc df du sha256sum md5sum nohup timeout stat setsid curl diff comm od stty'.split(
    ' ',
  )
/** Without these no build step runs at all. */
const NEEDED_TOOLS: ReadonlySet<string> = new Set(['sh', 'cat', 'cp', 'mkdir', 'sleep', 'env'])
/** Opened by name at run time, so that no list of needed libraries has them. */
const OPENED_LIBRARIES = ['libnss_files.so.2', 'libnss_dns.so.2', 'libfontconfig.so.1', 'libfreetype.so.6', 'libgcc_s.so.1']
const LIBRARY_DIRECTORIES = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib']
const TREES = ['/usr/lib/locale/C.utf8', '/etc/fonts', '/usr/share/fonts/truetype/dejavu']
const FILES = ['/etc/ssl/certs/ca-certificates.crt']

/** Writes the base as a layer. Rejects with an ImageError where it is not there or not what it should be. */
export const writeBase = async (base: Base, java: string, file: string, signal: AbortSignal): Promise<Layer> => {
  if (base.kind === 'machine') return writeLayer([...(await machineEntries(java, signal)), ...commonEntries], file, signal)
  const head = await firstBytes(base.file)
  const source = createReadStream(base.file)
  return { file, ...(await writeHashed(head === 0x1f8b ? source.pipe(createGunzip()) : source, file, signal)) }
}

const firstBytes = async (file: string): Promise<number> => {
  try {
    for await (const chunk of createReadStream(file, { end: 1 }))
      if (Buffer.isBuffer(chunk) && chunk.length === 2) return chunk.readUInt16BE(0)
  } catch (cause) {
    if (!hasCode(cause, 'ENOENT')) throw cause
    throw new ImageError(
      'base-missing',
      `There is no file ${file}: give a root file system as a tar, or leave --base out to use this machine's tools.`,
    )
  }
  throw new ImageError('base-broken', `${file} is empty: give a root file system as a tar, plain or gzipped.`)
}

/** Accounts, homes and temporary directories that every image has. */
export const commonEntries: readonly Entry[] = [
  {
    kind: 'text',
    path: '/etc/passwd',
    mode: 0o644,
    text: `root:x:0:0:root:/root:/bin/sh\nmanor:x:${USER_ID}:${USER_ID}:manor:/home/manor:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n`,
  },
  { kind: 'text', path: '/etc/group', mode: 0o644, text: `root:x:0:\nmanor:x:${USER_ID}:\nnogroup:x:65534:\n` },
  { kind: 'text', path: '/etc/nsswitch.conf', mode: 0o644, text: 'passwd: files\ngroup: files\nhosts: files dns\n' },
  { kind: 'directory', path: '/home/manor', mode: 0o755, owner: USER_ID },
  { kind: 'directory', path: '/tmp', mode: 0o1777 },
  { kind: 'directory', path: '/var/tmp', mode: 0o1777 },
  { kind: 'directory', path: '/root', mode: 0o700 },
]

/** The old names of directories that Linux distributions have merged into /usr. */
const MERGED: readonly Entry[] = ['bin', 'sbin', 'lib', 'lib64'].map(name => ({ kind: 'link', path: `/${name}`, target: `usr/${name}` }))
const canonical = (path: string): string => path.replace(/^\/(bin|sbin|lib|lib64)\//, '/usr/$1/')

const machineEntries = async (java: string, signal: AbortSignal): Promise<readonly Entry[]> => {
  const entries: Entry[] = [...MERGED]
  const programs: string[] = []
  for (const name of TOOLS) {
    const found = await findTool(name)
    if (found !== undefined) {
      programs.push(found)
      entries.push(await fileEntry(found, `/usr/bin/${name}`))
    } else if (NEEDED_TOOLS.has(name))
      throw new ImageError(
        'tool-missing',
        `This machine has no ${name}, so it cannot be the base of an image: give a root file system with --base FILE.`,
      )
  }
  const opened = (await Promise.all(OPENED_LIBRARIES.map(findLibrary))).filter(path => path !== undefined)
  const javaParts = (await treeEntries(java, java, name => !name.endsWith('.jar'))).flatMap(({ path }) =>
    /\.so$|\/bin\/java$/.test(path) ? [path] : [],
  )
  const libraries = await librariesOf([...programs, ...opened, ...javaParts], signal)
  for (const path of [...libraries, ...opened]) if (!path.startsWith(`${java}/`)) entries.push(await fileEntry(path, canonical(path)))
  for (const directory of TREES) if (await isThere(directory)) entries.push(...(await treeEntries(directory, directory)))
  for (const path of FILES) if (await isThere(path)) entries.push(await fileEntry(path, path))
  return entries
}

const isThere = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

const findTool = async (name: string): Promise<string | undefined> => {
  for (const directory of new Set([...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/bin'])) {
    const path = join(directory, name)
    const found = await access(path, 1).then(
      () => true,
      () => false,
    )
    if (found && directory.startsWith('/')) return path
  }
  return undefined
}

const findLibrary = async (name: string): Promise<string | undefined> => {
  for (const directory of LIBRARY_DIRECTORIES) if (await isThere(join(directory, name))) return join(directory, name)
  return undefined
}

/** What the system's linker would load for these programs and libraries (ldd of glibc); scripts and static programs need nothing. */
const librariesOf = async (files: readonly string[], signal: AbortSignal): Promise<readonly string[]> => {
  const found = new Set<string>()
  for (const file of files) {
    const { stdout } = await run('ldd', [file], { signal, timeout: LDD_TIMEOUT_MS }).catch((cause: unknown) => {
      if (hasCode(cause, 'ENOENT'))
        throw new ImageError(
          'tool-missing',
          'This machine has no ldd, so what its tools need is not known: give a root file system with --base FILE.',
        )
      signal.throwIfAborted()
      return { stdout: '' }
    })
    for (const [, path] of stdout.matchAll(/(?:=>\s+|^\s*)(\/\S+)\s+\(0x/gm)) if (path !== undefined) found.add(path)
  }
  return [...found].toSorted()
}
