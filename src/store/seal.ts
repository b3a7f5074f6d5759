import { createCipheriv, createDecipheriv } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { hasCode, type Random } from '../runtime/index.ts'

const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

/** Seals secrets at rest with AES-256-GCM (NIST SP 800-38D); the id is bound to it, so a sealed text moved to another row does not open. */
export interface Seal {
  seal(id: string, secret: string): string
  /** Throws where the text was not sealed under this key for this id. */
  open(id: string, sealed: string): string
}

export const createSeal = (key: Uint8Array, random: Random): Seal => ({
  seal: (id, secret) => {
    const iv = random.bytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(id))
    const body = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
    return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64')
  },
  open: (id, sealed) => {
    const bytes = Buffer.from(sealed, 'base64')
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES)).setAAD(Buffer.from(id))
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8')
  },
})

/** Reads the key file, or makes it (mode 0600) where there is none. Without it no sealed secret opens again: keep a copy. */
export const loadKey = async (path: string, random: Random): Promise<Uint8Array> => {
  try {
    await writeFile(path, Buffer.from(random.bytes(KEY_BYTES)).toString('hex'), { mode: 0o600, flag: 'wx', flush: true })
  } catch (cause) {
    if (!hasCode(cause, 'EEXIST')) throw cause
  }
  const key = Buffer.from((await readFile(path, 'utf8')).trim(), 'hex')
  if (key.length !== KEY_BYTES)
    throw new Error(`The key file ${path} does not hold ${KEY_BYTES * 2} hex characters: put back the copy that belongs to this home.`)
  return key
}
