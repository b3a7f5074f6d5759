import { createHash } from 'node:crypto'
import { chmod, copyFile, constants as fsConstants, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MINUTE } from '../../../model/index.ts'
import { deadline, hasCode } from '../../../runtime/index.ts'
import type { ProgramProgress } from '../distribution.ts'
import { HUDSON_VERSION } from '../hudson.ts'
import { ProgramError } from './errors.ts'
import { ifThere, publish, sha256Of, withFileLock } from './files.ts'
import type { War } from './jenkins-wars.ts'
import type { ProgramsPorts } from './ports.ts'

/** Of org.jvnet.hudson.main:hudson-war:2.2.1:war as Maven Central has it, whose own .sha1 is 1af02241e5e37634be3be752a337a636e521483d. */
export const HUDSON_SHA256 = '13dbea3a28282f61e66800faa1b8a3620e380cbfcb102f57dc3119534dea236c'

/** Java releases that it was tried on, best first. */
export const HUDSON_JAVA: readonly number[] = [17, 21, 25, 11]

const ARTIFACT = `org.jvnet.hudson.main:hudson-war:${HUDSON_VERSION}:war`
const FILE = `hudson-war-${HUDSON_VERSION}.war`
/** The one that Maven 3.8 takes by itself, pinned so that every Maven does. */
const COPY_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:2.8:copy'
/** A first Maven on a machine brings its plugins too. */
const MAVEN_TIMEOUT_MS = 15 * MINUTE

/** Hudson's war in the cache: taken from the machine's Maven repository if it is there, else brought by the machine's `mvn`. */
export const hudsonWar = async (ports: ProgramsPorts, progress: ProgramProgress, signal: AbortSignal): Promise<War> => {
  const path = join(ports.cacheDirectory, 'programs', 'hudson', HUDSON_VERSION, 'hudson.war')
  const war: War = { path, sha256: HUDSON_SHA256 }
  if ((await ifThere(sha256Of(path, signal))) === HUDSON_SHA256) return war
  await mkdir(dirname(path), { recursive: true })
  return withFileLock(`${path}.lock`, ports.clock, signal, async () => {
    if ((await ifThere(sha256Of(path, signal))) === HUDSON_SHA256) return war
    const directory = await mkdtemp(join(dirname(path), '.incoming-'))
    try {
      const incoming = join(directory, FILE)
      if (!(await copyCarried(ports, incoming, signal))) await runMaven(ports, directory, progress, signal)
      const sha256 = await sha256Of(incoming, signal)
      if (sha256 !== HUDSON_SHA256)
        throw new ProgramError(
          'checksum',
          `The ${FILE} that Maven brought has the SHA-256 ${sha256} instead of ${HUDSON_SHA256}: delete it from ~/.m2/repository, and look at the repository in your Maven settings.`,
        )
      await publish(incoming, path)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
    return war
  })
}

/** From the air-gap directory or the user's Maven repository, if one has the right file. */
const copyCarried = async (ports: ProgramsPorts, target: string, signal: AbortSignal): Promise<boolean> => {
  const { HOME } = ports.environment
  const sources = [
    ...(ports.airGapDirectory === undefined ? [] : [join(ports.airGapDirectory, FILE)]),
    ...(HOME === undefined ? [] : [join(HOME, '.m2/repository/org/jvnet/hudson/main/hudson-war', HUDSON_VERSION, FILE)]),
  ]
  for (const source of sources) {
    if ((await ifThere(sha256Of(source, signal))) !== HUDSON_SHA256) continue
    await copyFile(source, target, fsConstants.COPYFILE_FICLONE)
    return true
  }
  return false
}

const runMaven = async (ports: ProgramsPorts, directory: string, progress: ProgramProgress, signal: AbortSignal): Promise<void> => {
  progress({ message: `Bringing Hudson ${HUDSON_VERSION} (64 MB) from Maven Central through mvn` })
  const limit = deadline(ports.clock, MAVEN_TIMEOUT_MS, signal)
  try {
    const command = [
      'mvn',
      '--batch-mode',
      '--quiet',
      COPY_GOAL,
      `-Dartifact=${ARTIFACT}`,
      `-DoutputDirectory=${directory}`,
      `-f=${directory}`,
    ] as const
    // A project of its own, so that a pom.xml in the directory Manor was started from has no say.
    await writeFile(join(directory, 'pom.xml'), POM)
    const { exitCode, stdout, stderr } = await ports.run(command, limit.signal)
    if (exitCode === 0) return
    const told = `${stdout}\n${stderr}`.split('\n').find(line => line.includes('[ERROR]')) ?? `exit code ${exitCode}`
    throw new ProgramError(
      'unreachable',
      `mvn could not bring Hudson ${HUDSON_VERSION}: ${told.replace('[ERROR]', '').trim()}. Set your mirror in ~/.m2/settings.xml, or name a war with --war FILE.`,
    )
  } catch (cause) {
    if (hasCode(cause, 'ENOENT'))
      throw new ProgramError(
        'maven-missing',
        `Hudson ${HUDSON_VERSION} comes through Maven, and this machine has no mvn: install it (on Debian: apt-get install maven), or name a war with --war FILE.`,
        { cause },
      )
    throw cause
  } finally {
    limit.done()
  }
}

const POM =
  '<project><modelVersion>4.0.0</modelVersion><groupId>manor</groupId><artifactId>hudson</artifactId><version>1</version><packaging>pom</packaging></project>'

const LAUNCHER_SOURCE = fileURLToPath(new URL('../hudson-launcher/', import.meta.url))

/**
 * A copy of our launcher classes in the cache, named after their content: a controller that runs on goes on to have its own when Manor is
 * updated or its checkout is gone, and users that controllers run as may read it where they may read the war.
 */
export const hudsonLauncher = async (ports: ProgramsPorts, signal: AbortSignal): Promise<string> => {
  const classes = (await readdir(LAUNCHER_SOURCE, { recursive: true })).filter(name => name.endsWith('.class')).toSorted()
  const hash = createHash('sha256')
  for (const name of classes) hash.update(name).update(await readFile(join(LAUNCHER_SOURCE, name)))
  const target = join(ports.cacheDirectory, 'programs', 'hudson', `launcher-${hash.digest('hex').slice(0, 12)}`)
  if ((await ifThere(readdir(target))) !== undefined) return target
  await mkdir(dirname(target), { recursive: true })
  const directory = await mkdtemp(join(dirname(target), '.incoming-'))
  try {
    await chmod(directory, 0o755)
    for (const name of classes) {
      signal.throwIfAborted()
      await mkdir(dirname(join(directory, name)), { recursive: true })
      await copyFile(join(LAUNCHER_SOURCE, name), join(directory, name))
      await chmod(join(directory, name), 0o644)
    }
    await rename(directory, target)
  } catch (cause) {
    // Another process was first, with the same content.
    if (!hasCode(cause, 'ENOTEMPTY') && !hasCode(cause, 'EEXIST')) throw cause
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  return target
}
