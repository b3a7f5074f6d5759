/**
 * Writes tar archives for Docker's archive API: POSIX ustar, with a pax header where a path does not fit (POSIX.1-2017, pax, "ustar
 * Interchange Format" and "pax Extended Header"). Everything in memory: what goes in are policies and scripts, not data.
 */
export type TarEntry = {
  /** Relative, with `/` between its parts. */
  readonly path: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Absent for a directory. */
  readonly content?: Uint8Array
}

const BLOCK = 512
/** The name field of a ustar header. Its prefix field is left alone: a pax header is simpler and has no limit. */
const NAME_BYTES = 100
/** What an octal field of eight bytes holds. */
const MAX_OCTAL_ID = 0o7777777

export const tarOf = (entries: readonly TarEntry[], modifiedAtMs: number): Buffer =>
  Buffer.concat([...entries.flatMap(entry => entryBlocks(entry, Math.floor(modifiedAtMs / 1_000))), Buffer.alloc(2 * BLOCK)])

const entryBlocks = (entry: TarEntry, modifiedAt: number): Uint8Array[] => {
  const { uid, gid, content } = entry
  const path = content === undefined ? `${entry.path}/` : entry.path
  const records = [
    ...(Buffer.byteLength(path) > NAME_BYTES || /[^\x20-\x7e]/.test(path) ? [paxRecord('path', path)] : []),
    ...(uid > MAX_OCTAL_ID ? [paxRecord('uid', String(uid))] : []),
    ...(gid > MAX_OCTAL_ID ? [paxRecord('gid', String(gid))] : []),
  ]
  const pax = Buffer.from(records.join(''))
  const fields = { mode: entry.mode, uid: Math.min(uid, MAX_OCTAL_ID), gid: Math.min(gid, MAX_OCTAL_ID), modifiedAt }
  return [
    ...(records.length === 0 ? [] : [header('pax', 'x', pax.length, { ...fields, mode: 0o600 }), padded(pax)]),
    header(path, content === undefined ? '5' : '0', content?.length ?? 0, fields),
    ...(content === undefined ? [] : [padded(content)]),
  ]
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
const paxRecord = (key: string, value: string): string => {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}

type Fields = { readonly mode: number; readonly uid: number; readonly gid: number; readonly modifiedAt: number }

const header = (path: string, type: '0' | '5' | 'x', size: number, { mode, uid, gid, modifiedAt }: Fields): Buffer => {
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, length: number): void => {
    block.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
  }
  block.write(path, 0, NAME_BYTES, 'utf8')
  octal(mode & 0o7777, 100, 8)
  octal(uid, 108, 8)
  octal(gid, 116, 8)
  octal(size, 124, 12)
  octal(modifiedAt, 136, 12)
  block.write('        ', 148, 'latin1')
  block.write(type, 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  // The sum over the block with its own field as spaces.
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  )
  return block
}

const padded = (content: Uint8Array): Buffer => {
  const block = Buffer.alloc(Math.ceil(content.length / BLOCK) * BLOCK)
  block.set(content)
  return block
}
