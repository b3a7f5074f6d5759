import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The version of this checkout, from its package.json. */
export const readVersion = async (): Promise<string> => {
  const text = await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
