/**
 * A real Mesos 1.11.0 for tests, brought once and kept in the user's cache: the native module of the Python package `mesos.scheduler` holds the
 * whole of it, and two small C++ programs of ours start it and stand in for what the package lacks.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

const PACKAGE = 'mesos.scheduler==1.11.0.linux-x86_64'
const SOURCES = join(import.meta.dirname, 'mesos')

export type MesosParts = {
  readonly launcher: string
  readonly module: string
  /** Stubs of libraries that a modern machine lacks, for LD_LIBRARY_PATH. */
  readonly libraries: string
  /** For MESOS_LAUNCHER_DIR. */
  readonly helpers: string
}

/** Why this machine cannot have it, as a sentence, or undefined where it can. */
export const mesosProblem = (): string | undefined =>
  process.platform === 'linux' && process.arch === 'x64'
    ? undefined
    : `The tests' own Mesos is a native module for Linux on x86-64, and this is ${process.platform} on ${process.arch}. Run them on a cluster of yours: ./test mesos --master URL.`

const run = (program: string, args: readonly string[], environment: NodeJS.ProcessEnv = process.env): SpawnSyncReturns<string> => {
  const done = spawnSync(program, args, { encoding: 'utf8', env: environment, maxBuffer: 64 * 1_048_576 })
  if (done.error)
    throw new Error(`${program} cannot be run (${done.error.message}): install it and run ./test again.`, { cause: done.error })
  return done
}

const must = (program: string, args: readonly string[]): string => {
  const { status, stdout, stderr } = run(program, args)
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}

export const mesosParts = async (): Promise<MesosParts> => {
  const problem = mesosProblem()
  if (problem !== undefined) throw new Error(problem)
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'manor', 'parts', 'mesos-1.11.0')
  await mkdir(cache, { recursive: true })
  const module = join(cache, '_scheduler.so')
  if (!existsSync(module)) await download(module)
  const libraries = join(cache, 'libraries')
  if (!existsSync(libraries)) await whole(libraries, directory => makeStubs(module, directory))
  checkLibraries(module, libraries)
  const hash = createHash('sha256')
  for (const file of ['launcher.cpp', 'helpers.cpp']) hash.update(readFileSync(join(SOURCES, file)))
  const programs = join(cache, `programs-${hash.digest('hex').slice(0, 12)}`)
  if (!existsSync(programs)) await whole(programs, compile)
  return { launcher: join(programs, 'launcher'), module, libraries, helpers: programs }
}

/** Without them Mesos ends as it starts, and whoever waits for its answer would not be told why. */
const checkLibraries = (module: string, libraries: string): void => {
  const { stdout } = run('ldd', [module], { ...process.env, LD_LIBRARY_PATH: libraries })
  const missing = [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map(([, name]) => name)
  if (missing.length > 0)
    throw new Error(
      `The tests' Mesos needs ${missing.join(', ')}. \`./test mesos\` brings them as root; else install libsvn1, libapr1, libsasl2-2 and libsasl2-modules.`,
    )
}

/** Makes a directory elsewhere and moves it to its place, so that it is there whole or not at all. */
const whole = async (target: string, make: (directory: string) => Promise<void>): Promise<void> => {
  const directory = await mkdtemp(`${target}.`)
  try {
    await make(directory)
    await rename(directory, target).catch(cause => {
      // Somebody else was faster.
      if (!existsSync(target)) throw cause
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** The package is a plain archive, so pip unpacks it, finds no project in it and fails; what it unpacked is what is wanted. */
const download = async (target: string): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-mesos-'))
  try {
    const args = ['-m', 'pip', 'download', '--no-clean', '--no-deps', '-q', '-d', join(directory, 'out'), PACKAGE]
    const { stderr } = run('python3', args, { ...process.env, TMPDIR: directory })
    const [found] = globSync('**/_scheduler.so', { cwd: directory })
    if (found === undefined) throw new Error(`pip could not bring ${PACKAGE}: ${stderr}`)
    await copyFile(join(directory, found), `${target}.part`)
    await rename(`${target}.part`, target)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const HEAD = '#include <stdio.h>\n#include <stdlib.h>\n'
/** libprocess calls this one at its start, and nothing else of libcurl: the fetcher is another program. */
const CALLED = 'curl_global_init'

/**
 * OpenSSL 1.0, an old symbol version of libcurl, and names of Python 2 are asked for but never called while TLS is off and no Python runs:
 * each stub says its name and aborts.
 */
const makeStubs = async (module: string, directory: string): Promise<void> => {
  const versions = new Map<string, string[]>()
  const python: string[] = []
  for (const line of must('nm', ['-D', '--undefined-only', module]).split('\n')) {
    const name = line.trim().split(/\s+/).at(-1) ?? ''
    const [symbol = '', version = ''] = name.split('@')
    if (version.startsWith('OPENSSL') || version.startsWith('CURL')) versions.set(version, [...(versions.get(version) ?? []), symbol])
    else if (/^_?Py/.test(name)) python.push(name)
  }
  const stub = (name: string): string =>
    name === CALLED ? `long ${name}(void) { return 0; }\n` : `long ${name}(void) { fprintf(stderr, "stub called: ${name}\\n"); abort(); }\n`
  const build = async (soname: string, body: string, script?: string): Promise<void> => {
    const source = join(directory, `${soname}.c`)
    const map = join(directory, `${soname}.map`)
    await writeFile(source, HEAD + body)
    if (script !== undefined) await writeFile(map, script)
    const link = script === undefined ? [] : [`-Wl,--version-script=${map}`, `-Wl,-soname,${soname}`]
    must('gcc', ['-shared', '-fPIC', '-w', '-fno-builtin', '-o', join(directory, soname), source, ...link])
  }
  for (const [prefix, sonames] of [
    ['OPENSSL', ['libssl.so.1.0.0', 'libcrypto.so.1.0.0']],
    ['CURL', ['libcurl.so.4']],
  ] as const) {
    const mine = [...versions].filter(([version]) => version.startsWith(prefix))
    const body = mine.flatMap(([, symbols]) => symbols.map(stub)).join('')
    const script = mine.map(([version, symbols]) => `${version} { global: ${symbols.join('; ')}; };\n`).join('')
    for (const soname of sonames) await build(soname, body, script)
  }
  const data = (name: string): string =>
    name === '_Py_NoneStruct' ? `char ${name}[256];\n` : name.startsWith('PyExc') ? `void *${name};\n` : stub(name)
  await build('libpystub.so', python.map(data).join(''))
}

const compile = async (directory: string): Promise<void> => {
  must('g++', ['-O1', '-o', join(directory, 'launcher'), join(SOURCES, 'launcher.cpp'), '-ldl'])
  must('g++', ['-O1', '-std=c++17', '-static', '-o', join(directory, 'mesos-executor'), join(SOURCES, 'helpers.cpp')])
  await symlink('mesos-executor', join(directory, 'mesos-containerizer'))
}
