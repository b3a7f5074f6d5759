import { copyFile, constants as fsConstants, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SECOND } from '../../../model/index.ts'
import { type Backoff, backoffDelay } from '../../../runtime/index.ts'
import type { ProgramProgress } from '../distribution.ts'
import { download } from './download.ts'
import { ProgramError } from './errors.ts'
import { ifThere, parseSha256, publish, readSha256, sha256Of, withFileLock } from './files.ts'
import { getText, REACH_TIMEOUT_MS, TEXT_TIMEOUT_MS } from './http.ts'
import { compareVersions, isLongTerm, NEWEST_VERSION } from './java-lines.ts'
import type { ProgramsPorts } from './ports.ts'

export type War = { readonly path: string; readonly sha256: string }

const VERSION = /^\d+(\.\d+){1,2}$/
const AIR_GAP_NAME = /^jenkins-(\d+(?:\.\d+){1,2})\.war$/

const cacheOf = (ports: ProgramsPorts): string => join(ports.cacheDirectory, 'programs', 'jenkins')
const cachedWar = (ports: ProgramsPorts, version: string): string => join(cacheOf(ports), version, 'jenkins.war')

/** Where the official site, and a mirror of it, has a version. */
export const warUrl = (mirror: string, version: string): string =>
  `${mirror.replace(/\/+$/, '')}/${isLongTerm(version) ? 'war-stable' : 'war'}/${version}/jenkins.war`

/** Wars whose content was checked by this process, by path: hashing 90 MB at every start of a controller would be felt. */
export type CheckedWars = Map<string, War>

/** A war of the cache, if it is there and still what it was when it was put there. One that is not is thrown away. */
export const fromCache = async (
  ports: ProgramsPorts,
  checked: CheckedWars,
  version: string,
  signal: AbortSignal,
): Promise<War | undefined> => {
  const path = cachedWar(ports, version)
  const known = checked.get(path)
  const promised = await readSha256(`${path}.sha256`)
  if (promised === undefined) return undefined
  if (known?.sha256 === promised) return known
  const sha256 = await ifThere(sha256Of(path, signal))
  if (sha256 === undefined) return undefined
  if (sha256 !== promised) {
    await rm(path, { force: true })
    return undefined
  }
  const war: War = { path, sha256 }
  checked.set(path, war)
  return war
}

/** Versions that the cache and the air-gap directory have, newest first. */
export const versionsAtHand = async (ports: ProgramsPorts): Promise<readonly string[]> => {
  const cached = ((await ifThere(readdir(cacheOf(ports)))) ?? []).filter(name => VERSION.test(name))
  const there: string[] = []
  for (const version of cached) if ((await readSha256(`${cachedWar(ports, version)}.sha256`)) !== undefined) there.push(version)
  const names = ports.airGapDirectory === undefined ? [] : ((await ifThere(readdir(ports.airGapDirectory))) ?? [])
  const carried = names.flatMap(name => (VERSION.test(name) ? [name] : (AIR_GAP_NAME.exec(name)?.slice(1) ?? [])))
  return [...new Set([...there, ...carried])].toSorted((a, b) => compareVersions(b, a))
}

/** Takes a war out of the air-gap directory into the cache, which stays when the directory goes. Undefined where it does not have this version. */
export const fromAirGap = async (ports: ProgramsPorts, version: string, signal: AbortSignal): Promise<War | undefined> => {
  const directory = ports.airGapDirectory
  if (directory === undefined) return undefined
  for (const source of [join(directory, `jenkins-${version}.war`), join(directory, version, 'jenkins.war')]) {
    const sha256 = await ifThere(sha256Of(source, signal))
    if (sha256 === undefined) continue
    const promised = await readSha256(`${source}.sha256`)
    if (promised === undefined)
      throw new ProgramError('checksum', `${source} has no SHA-256 beside it: put the site's jenkins.war.sha256 there as ${source}.sha256.`)
    if (promised !== sha256) throw new ProgramError('checksum', `${source} is not what ${source}.sha256 promises: carry both over again.`)
    return install(ports, version, sha256, signal, async target => {
      const beside = `${target}.incoming`
      await copyFile(source, beside, fsConstants.COPYFILE_FICLONE)
      await publish(beside, target)
    })
  }
  return undefined
}

/** How often the site is asked, where there is no haste. */
const PROMISE_TRIES = 3
const PROMISE_BACKOFF: Backoff = { firstMs: SECOND, factor: 3, mostMs: 10 * SECOND }

/** What the site promises of a version. `quick` decides within 3 s whether the site is there at all. */
export const promisedSha256 = async (ports: ProgramsPorts, version: string, quick: boolean, signal: AbortSignal): Promise<string> => {
  const url = `${warUrl(ports.mirror, version)}.sha256`
  for (let tries = 1; ; tries++) {
    try {
      const sha256 = parseSha256(await getText(ports, url, quick ? REACH_TIMEOUT_MS : TEXT_TIMEOUT_MS, signal))
      if (sha256 === undefined) throw new ProgramError('unreachable', `${url} gives something that is no SHA-256.`)
      return sha256
    } catch (cause) {
      if (!(cause instanceof ProgramError)) throw cause
      if (cause.code === 'not-found')
        throw new ProgramError(
          'not-found',
          `There is no Jenkins ${version} at ${ports.mirror}: name another version, for example ${NEWEST_VERSION}.`,
          { cause },
        )
      if (quick) throw cause
      if (tries >= PROMISE_TRIES)
        throw new ProgramError(
          cause.code,
          `Jenkins ${version} cannot be had: ${cause.message} Set MANOR_JENKINS_MIRROR or MANOR_AIR_GAP, give a war with --war FILE, or take --distribution hudson.`,
          { cause },
        )
      await ports.clock.sleep(backoffDelay(PROMISE_BACKOFF, tries, ports.random), signal)
    }
  }
}

export const fromSite = (
  ports: ProgramsPorts,
  version: string,
  sha256: string,
  progress: ProgramProgress,
  signal: AbortSignal,
): Promise<War> =>
  install(ports, version, sha256, signal, target =>
    download(ports, { url: warUrl(ports.mirror, version), target, sha256, name: `Jenkins ${version}` }, progress, signal),
  )

/** The promise is written after the war is there: a war without one is none. */
const install = async (
  ports: ProgramsPorts,
  version: string,
  sha256: string,
  signal: AbortSignal,
  bring: (target: string) => Promise<void>,
): Promise<War> => {
  const path = cachedWar(ports, version)
  await mkdir(join(cacheOf(ports), version), { recursive: true })
  return withFileLock(`${path}.lock`, ports.clock, signal, async () => {
    const there = (await readSha256(`${path}.sha256`)) === sha256 && (await ifThere(sha256Of(path, signal))) === sha256
    if (!there) {
      await bring(path)
      const beside = `${path}.sha256.incoming`
      await writeFile(beside, `${sha256}  jenkins.war\n`)
      await publish(beside, `${path}.sha256`)
    }
    return { path, sha256 }
  })
}
