import { mkdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { hasCode } from '../../../runtime/index.ts'
import type { Program, ProgramProgress, ProgramRequest, Programs } from '../distribution.ts'
import { HUDSON_LAUNCHER, HUDSON_VERSION } from '../hudson.ts'
import { bringJava } from './bring-java.ts'
import { ProgramError } from './errors.ts'
import { ifThere, sha256Of, withFileLock } from './files.ts'
import { chooseJava, findJavas, type Java, type JavaVersions } from './find-java.ts'
import { HUDSON_JAVA, hudsonLauncher, hudsonWar } from './hudson-war.ts'
import { compareVersions, javaReleasesFor, knownVersions, NEWEST_VERSION, OLDEST_VERSION, resolveVersion } from './java-lines.ts'
import { type CheckedWars, fromAirGap, fromCache, fromSite, promisedSha256, versionsAtHand, type War } from './jenkins-wars.ts'
import { ADOPTIUM_API, JENKINS_SITE, type ProgramsOptions, type ProgramsPorts } from './ports.ts'
import { runCommand } from './run-command.ts'
import { SharedCalls } from './shared-calls.ts'
import { identifyWar, isAgentJar } from './war.ts'
import { extractZipEntry } from './zip.ts'

type Provided = { readonly program: Program; readonly why: string }

const portsOf = (options: ProgramsOptions): ProgramsPorts => {
  const environment = options.environment ?? { HOME: homedir(), ...process.env }
  return {
    cacheDirectory: options.cacheDirectory,
    clock: options.clock,
    random: options.random,
    mirror: options.mirror ?? (environment.MANOR_JENKINS_MIRROR || JENKINS_SITE),
    airGapDirectory: options.airGapDirectory ?? (environment.MANOR_AIR_GAP || undefined),
    environment,
    ...(options.dispatcher === undefined ? {} : { dispatcher: options.dispatcher }),
    run: options.run ?? runCommand,
    javaRoots: options.javaRoots ?? ['/usr/lib/jvm'],
    adoptium: options.adoptium ?? ADOPTIUM_API,
  }
}

/** Programs of this machine's cache, which brings what is not in it. Safe to use from several processes at once. */
export const createPrograms = (options: ProgramsOptions): Programs => {
  const source = new ProgramSource(portsOf(options))
  const provided = new SharedCalls<Provided>()
  const jars = new SharedCalls<string>()
  return {
    provide: (request, progress, signal) =>
      provided.run(JSON.stringify([request.distribution, request.version, request.war]), progress, signal, (tell, shared) =>
        source.provide(request, tell, shared),
      ),
    agentJar: (program, signal) =>
      jars.run(
        program.sha256,
        () => {},
        signal,
        (_, shared) => source.agentJar(program, shared),
      ),
  }
}

class ProgramSource {
  readonly #ports: ProgramsPorts
  readonly #javaVersions: JavaVersions = new Map()
  readonly #checked: CheckedWars = new Map()

  constructor(ports: ProgramsPorts) {
    this.#ports = ports
  }

  async provide(request: ProgramRequest, progress: ProgramProgress, signal: AbortSignal): Promise<Provided> {
    try {
      if (request.war !== undefined) return await this.#ownWar(request.war, progress, signal)
      switch (request.distribution) {
        case 'hudson':
          return { program: await this.#hudson(request.version, progress, signal), why: `Hudson ${HUDSON_VERSION} was asked for.` }
        case 'jenkins':
          return await this.#jenkins(request.version, false, progress, signal)
        case 'auto':
          return await this.#auto(request.version, progress, signal)
      }
    } catch (cause) {
      throw cacheError(this.#ports, cause)
    }
  }

  /** Only what keeps Jenkins from being reached leads to Hudson: a wrong version or a broken checksum is for a person to know. */
  async #auto(version: string | undefined, progress: ProgramProgress, signal: AbortSignal): Promise<Provided> {
    try {
      return await this.#jenkins(version, true, progress, signal)
    } catch (cause) {
      if (!(cause instanceof ProgramError) || cause.code !== 'unreachable' || version !== undefined) throw cause
      return {
        program: await this.#hudson(undefined, progress, signal),
        why: `Hudson ${HUDSON_VERSION} is used, since Jenkins' download site cannot be had: ${cause.message} To run Jenkins, set MANOR_JENKINS_MIRROR or MANOR_AIR_GAP, or give a war with --war FILE.`,
      }
    }
  }

  /** `quick`: an answer of the download site is waited for 3 s and no longer. */
  async #jenkins(asked: string | undefined, quick: boolean, progress: ProgramProgress, signal: AbortSignal): Promise<Provided> {
    const javas = await findJavas(this.#ports, this.#javaVersions, signal)
    const releases = javas.map(({ release }) => release)
    if (asked !== undefined) {
      const version = checkedVersion(asked)
      const war = await this.#jenkinsWar(version, quick, progress, signal)
      return { program: await this.#jenkinsProgram(version, war, javas, progress, signal), why: `Jenkins ${version} was asked for.` }
    }
    const [newest = NEWEST_VERSION] = knownVersions(releases)
    const runs = (version: string): boolean =>
      compareVersions(version, OLDEST_VERSION) >= 0 &&
      javaReleasesFor(version).some(release => releases.length === 0 || releases.includes(release))
    const atHand = (await versionsAtHand(this.#ports)).filter(runs)
    const { airGapDirectory } = this.#ports
    if (airGapDirectory !== undefined) {
      const [version] = atHand
      if (version === undefined)
        throw new ProgramError(
          'unreachable',
          `${airGapDirectory} and the cache have no Jenkins that Java ${releases.join(', ')} runs: put jenkins-${newest}.war and jenkins-${newest}.war.sha256 there.`,
        )
      const war = await this.#jenkinsWar(version, quick, progress, signal)
      const program = await this.#jenkinsProgram(version, war, javas, progress, signal)
      return { program, why: `Jenkins ${version} is the newest in ${airGapDirectory} and the cache that Java ${program.javaRelease} runs.` }
    }
    try {
      const war = await this.#jenkinsWar(newest, quick, progress, signal)
      const program = await this.#jenkinsProgram(newest, war, javas, progress, signal)
      return { program, why: `Jenkins ${newest} is the newest line of long-term support that Java ${program.javaRelease} runs.` }
    } catch (cause) {
      const [cached] = atHand
      if (!(cause instanceof ProgramError) || cause.code !== 'unreachable' || cached === undefined) throw cause
      const war = await this.#jenkinsWar(cached, quick, progress, signal)
      const program = await this.#jenkinsProgram(cached, war, javas, progress, signal)
      return { program, why: `Jenkins ${cached} is the newest in the cache, and ${newest} cannot be had: ${cause.message}` }
    }
  }

  async #jenkinsWar(version: string, quick: boolean, progress: ProgramProgress, signal: AbortSignal): Promise<War> {
    const ports = this.#ports
    const present = (await fromCache(ports, this.#checked, version, signal)) ?? (await fromAirGap(ports, version, signal))
    if (present !== undefined) return present
    if (ports.airGapDirectory !== undefined)
      throw new ProgramError(
        'not-found',
        `${ports.airGapDirectory} has no Jenkins ${version}: put jenkins-${version}.war and jenkins-${version}.war.sha256 there.`,
      )
    const sha256 = await promisedSha256(ports, version, quick, signal)
    return fromSite(ports, version, sha256, progress, signal)
  }

  async #jenkinsProgram(
    version: string,
    war: War,
    javas: readonly Java[],
    progress: ProgramProgress,
    signal: AbortSignal,
  ): Promise<Program> {
    const java = await this.#java(javaReleasesFor(version).toReversed(), javas, progress, signal)
    return {
      distribution: 'jenkins',
      version,
      war: war.path,
      sha256: war.sha256,
      java: java.path,
      javaRelease: java.release,
      extras: {},
    }
  }

  async #hudson(version: string | undefined, progress: ProgramProgress, signal: AbortSignal): Promise<Program> {
    if (version !== undefined && version !== HUDSON_VERSION)
      throw new ProgramError('not-found', `Hudson ${version} is not offered: the version is ${HUDSON_VERSION}.`)
    return this.#hudsonProgram(HUDSON_VERSION, await hudsonWar(this.#ports, progress, signal), progress, signal)
  }

  async #hudsonProgram(version: string, war: War, progress: ProgramProgress, signal: AbortSignal): Promise<Program> {
    const java = await this.#java(HUDSON_JAVA, await findJavas(this.#ports, this.#javaVersions, signal), progress, signal)
    return {
      distribution: 'hudson',
      version,
      war: war.path,
      sha256: war.sha256,
      java: java.path,
      javaRelease: java.release,
      extras: { [HUDSON_LAUNCHER]: await hudsonLauncher(this.#ports, signal) },
    }
  }

  /** A war of the owner's stays where it is. */
  async #ownWar(file: string, progress: ProgramProgress, signal: AbortSignal): Promise<Provided> {
    const path = await ifThere(realpath(file))
    if (path === undefined) throw new ProgramError('bad-war', `There is no file ${file}: give the path of a jenkins.war or hudson.war.`)
    const { distribution, version } = await identifyWar(path)
    const war: War = { path, sha256: await sha256Of(path, signal) }
    const program =
      distribution === 'hudson'
        ? await this.#hudsonProgram(version, war, progress, signal)
        : await this.#jenkinsProgram(
            checkedVersion(version),
            war,
            await findJavas(this.#ports, this.#javaVersions, signal),
            progress,
            signal,
          )
    return { program, why: `${file} is ${distribution === 'hudson' ? 'Hudson' : 'Jenkins'} ${version}.` }
  }

  async #java(wanted: readonly number[], javas: readonly Java[], progress: ProgramProgress, signal: AbortSignal): Promise<Java> {
    return chooseJava(javas, wanted) ?? (await bringJava(this.#ports, wanted, progress, signal))
  }

  async agentJar(program: Program, signal: AbortSignal): Promise<string> {
    const directory = join(this.#ports.cacheDirectory, 'programs', program.distribution, 'agents')
    const path = join(directory, `${program.sha256}.jar`)
    try {
      await mkdir(directory, { recursive: true })
      if ((await ifThere(stat(path))) !== undefined) return path
      return await withFileLock(`${path}.lock`, this.#ports.clock, signal, async () => {
        const beside = `${path}.incoming`
        const name = await extractZipEntry(program.war, isAgentJar, beside, signal)
        if (name === undefined)
          throw new ProgramError('bad-war', `${program.war} holds no agent: WEB-INF has no agent.jar, slave.jar or remoting.jar.`)
        await rename(beside, path)
        return path
      })
    } catch (cause) {
      await rm(`${path}.incoming`, { force: true })
      throw cacheError(this.#ports, cause)
    }
  }
}

const checkedVersion = (asked: string): string => {
  const version = resolveVersion(asked)
  if (version === undefined)
    throw new ProgramError('not-found', `"${asked}" is no version of Jenkins: write it like 2.541.3, or a line like 2.541.`)
  if (compareVersions(version, OLDEST_VERSION) < 0)
    throw new ProgramError('not-found', `Jenkins ${version} is too old for Manor: ${OLDEST_VERSION} is the oldest that it runs.`)
  return version
}

const cacheError = (ports: ProgramsPorts, cause: unknown): unknown => {
  const code = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOSPC', 'EDQUOT'].find(name => hasCode(cause, name))
  if (code === undefined) return cause
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  return new ProgramError(
    'cache',
    full
      ? `The disk of the cache ${ports.cacheDirectory} is full (${code}): free some space, or set XDG_CACHE_HOME to another disk.`
      : `The cache ${ports.cacheDirectory} cannot be written (${code}): give this user write permission there, or set XDG_CACHE_HOME to a directory that can.`,
    { cause },
  )
}
