import type { Dispatcher } from 'undici'
import type { Clock, Random } from '../../../runtime/index.ts'
import type { RunCommand } from './run-command.ts'

export const JENKINS_SITE = 'https://get.jenkins.io'
export const ADOPTIUM_API = 'https://api.adoptium.net'

/** All that programs come from and through. What is optional has the machine's own as its default. */
export type ProgramsOptions = {
  /** Programs are kept below it; shared between Manors and processes of one user. */
  readonly cacheDirectory: string
  readonly clock: Clock
  readonly random: Random
  /** Base of a site laid out like the official one; MANOR_JENKINS_MIRROR sets it where this does not. */
  readonly mirror?: string
  /**
   * A directory with what was brought by hand: `jenkins-VERSION.war` or `VERSION/jenkins.war`, each with its `.sha256` beside it. Where it is set,
   * Jenkins is taken from there or the cache alone, never from the network. MANOR_AIR_GAP sets it where this does not.
   */
  readonly airGapDirectory?: string
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly dispatcher?: Dispatcher
  readonly run?: RunCommand
  /** Directories that hold Java homes; /usr/lib/jvm unless told. */
  readonly javaRoots?: readonly string[]
  readonly adoptium?: string
}

export type ProgramsPorts = {
  readonly cacheDirectory: string
  readonly clock: Clock
  readonly random: Random
  readonly mirror: string
  readonly airGapDirectory: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly dispatcher?: Dispatcher
  readonly run: RunCommand
  readonly javaRoots: readonly string[]
  readonly adoptium: string
}
