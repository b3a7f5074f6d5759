/**
 * Builds the console where its sources changed since the last build. What a build was made of is kept as a hash beside it, so a fresh clone, a
 * pulled change and an interrupted build are all noticed, whatever the files' times say.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { globSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { hasCode } from '../src/runtime/index.ts'

const STAMP = '.sources'
/** What else decides the outcome: the compiler and its libraries, and the rooms whose code the console shares. */
const ALSO: readonly string[] = ['package-lock.json', 'src/api/contract.ts', 'src/model/*.ts']
const IGNORED = /\.test\.tsx?$|^console\/(dist|dev)\//

type BuildOptions = { readonly root: string; readonly say: (line: string) => void }

const sourcesOf = (root: string): readonly string[] =>
  globSync(['console/**/*.{ts,tsx,css,html,svg,json}', ...ALSO], {
    cwd: root,
    exclude: path => /(^|\/)(node_modules|dist)$/.test(path),
  })
    .map(path => path.split(sep).join('/'))
    .filter(path => !IGNORED.test(path))
    .toSorted()

/** Hash over names and contents of everything that a build is made of. */
export const hashOfSources = async (root: string): Promise<string> => {
  const hash = createHash('sha256')
  for (const path of sourcesOf(root)) {
    const content = await readFile(join(root, path))
    hash.update(`${path}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

const stampOf = async (dist: string): Promise<string | undefined> => {
  try {
    return await readFile(join(dist, STAMP), 'utf8')
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined
    throw cause
  }
}

/**
 * The directory of the built console, built first where it is stale. It is built beside and then moved into place, so that a server which runs
 * meanwhile never serves half of it; of two that build at once, the one that is done later finds its work done. Errors: those of the compiler,
 * which name the file.
 */
export const ensureConsole = async ({ root, say }: BuildOptions): Promise<string> => {
  const dist = join(root, 'console', 'dist')
  const wanted = await hashOfSources(root)
  if ((await stampOf(dist)) === wanted) return dist
  say('building the console')
  await mkdir(join(root, '.cache'), { recursive: true })
  const staging = await mkdtemp(join(root, '.cache', 'console-'))
  try {
    await compile(root, staging)
    await writeFile(join(staging, STAMP), wanted)
    await moveInto(staging, dist, wanted)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
  return dist
}

/** In a process of its own: the compiler takes 150 MB, which whoever goes on to serve the console would keep. */
const compile = async (root: string, target: string): Promise<void> => {
  const words = ['build', 'console', '--config', 'console/vite.config.ts', '--outDir', target, '--emptyOutDir', '--logLevel', 'warn']
  await promisify(execFile)(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), ...words], { cwd: root })
}

const moveInto = async (staging: string, dist: string, stamp: string): Promise<void> => {
  try {
    await rm(dist, { recursive: true, force: true })
    await rename(staging, dist)
  } catch (cause) {
    // Someone else's build came between the two.
    if ((await stampOf(dist)) !== stamp) throw cause
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`)
  }
  say(await ensureConsole({ root: join(import.meta.dirname, '..'), say }))
}
