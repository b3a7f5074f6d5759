/** Writes docs/openapi.json anew from the routes. Run it after a change of the API: `node scripts/openapi.ts`. A unit test compares the two. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openApiDocument } from '../src/api/index.ts'
import { TestApi } from '../src/api/testing.ts'

export const OPENAPI_FILE = new URL('../docs/openapi.json', import.meta.url)

/** The document as it is checked in: of this repository's version, indented, with a line feed at its end. */
export const renderOpenApi = async (): Promise<string> => {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
  await using api = await TestApi.open({ version })
  return `${JSON.stringify(openApiDocument(api.app), undefined, 2)}\n`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await mkdir(dirname(OPENAPI_FILE.pathname), { recursive: true })
  await writeFile(OPENAPI_FILE, await renderOpenApi())
  process.stdout.write(`Wrote docs/openapi.json.\n`)
}
