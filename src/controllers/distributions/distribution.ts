import type { DistributionName, Mebibytes, WorkloadFile } from '../../model/index.ts'

/**
 * What differs between the programs that can be a controller. The rest of the code asks these, never a version.
 */
export type Capabilities = {
  /** How agents connect. */
  readonly agents: 'websocket' | 'tcp'
  /** `hmac`: hex HMAC-SHA256 of the node's name under a key of the instance. `instance`: one secret for all nodes of an instance. */
  readonly agentSecret: 'hmac' | 'instance'
  /** Whether a POST with a password needs a crumb; one with an API token never does. */
  readonly crumbs: boolean
  readonly apiTokens: boolean
  /** Whether `{prefix}/health/` exists. */
  readonly health: boolean
  /** Lower case name of the response header that carries the version once the program serves. */
  readonly versionHeader: 'x-jenkins' | 'x-hudson'
  /** Whether the hook directory can be outside the home. */
  readonly hookOutsideHome: boolean
  /** Name of the agent's jar under `{prefix}/jnlpJars/`. */
  readonly agentJar: 'agent.jar' | 'slave.jar'
  /** With what the program exits where someone asked inside it for a restart; absent where it then restarts by itself. */
  readonly restartExitCode?: number
}

export type ProgramImages = {
  /** Names of the images, as engines know them. */
  readonly controller: string
  readonly agent: string
  /** Inside the controller's: where the hook is, and the program that prepares the home and then becomes the command it is given. */
  readonly hookRoot: string
  readonly start: string
}

/** A program that is on this machine and was verified. */
export type Program = {
  readonly distribution: DistributionName
  readonly version: string
  /** Absolute path of the war. */
  readonly war: string
  /** Hex SHA-256 of the war. */
  readonly sha256: string
  /** Absolute path of the Java launcher that can run it, and that Java's feature release (17, 21, 25). */
  readonly java: string
  readonly javaRelease: number
  /** Further absolute paths that the launch needs (for example a class directory), by name. */
  readonly extras: Readonly<Record<string, string>>
  /** Set where the program is inside images: then all paths are those in there, and nothing of the host is shown to it. */
  readonly images?: ProgramImages
}

/** What a controller's instance is made of that must not change over its life; sealed in the store. */
export type InstanceSecrets = {
  /** 256 hex characters; becomes secrets/master.key or secret.key. */
  readonly masterKey: string
  /** 32 bytes as hex: the key under which agents' secrets are minted. */
  readonly agentKey: string
  readonly adminPassword: string
  /** `11` and 32 hex characters, the format that a fixed API token must have. */
  readonly apiToken: string
  readonly hookToken: string
}

export type ControllerLaunch = {
  readonly program: Program
  readonly home: string
  /** Directory that holds `manor.groovy` (below it, as the distribution wants its hooks laid out). */
  readonly hookRoot: string
  readonly policyFile: string
  /** Path without a slash at the end, for example `/team-a`. */
  readonly prefix: string
  /** On which address of its own it listens for HTTP. */
  readonly listenAddress: string
  /** A number, or what its engine puts a number in place of: `{port:http}`. */
  readonly httpPort: number | string
  readonly agentPort: number | string
  readonly memoryMb: Mebibytes
  /** Where temporary files of this run go. */
  readonly temporaryDirectory: string
}

export type AgentLaunch = {
  readonly program: Program
  /** Absolute path of the agent's jar, taken from the controller's own war. */
  readonly agentJar: string
  /** The controller's own address, prefix and final slash included; not the router's, so that a build outlives Manor. */
  readonly url: string
  readonly name: string
  readonly secret: string
  readonly workDirectory: string
  /** Directory shared between agents of one host that keeps jars the controller sends; undefined where the agent has no such option. */
  readonly jarCache?: string
  readonly memoryMb: Mebibytes
}

/** A command with what must be in its private directory (`{dir}`) first. */
export type LaunchPlan = {
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly files: readonly WorkloadFile[]
}

/** Pure: turns what is known about a run into commands and files. Getting the program is the work of `Programs`. */
export interface Distribution {
  readonly name: DistributionName
  readonly capabilities: Capabilities
  /** Files to write into a home before its first start, if they are not there; paths relative to the home. */
  homeFiles(secrets: InstanceSecrets): readonly WorkloadFile[]
  controllerCommand(launch: ControllerLaunch): LaunchPlan
  /** Without the agent's secret on the command line wherever the agent can read it from a file. */
  agentCommand(launch: AgentLaunch): LaunchPlan
  /** The secret an agent of this name must show. */
  agentSecret(secrets: InstanceSecrets, name: string): string
}

/** What can be asked of the source of programs. */
export type ProgramRequest = {
  /** `auto` takes Jenkins, or Hudson where Jenkins' download site cannot be reached within 3 s. */
  readonly distribution: DistributionName | 'auto'
  readonly version?: string
  readonly war?: string
}

export type ProgramProgress = (step: { readonly message: string; readonly doneBytes?: number; readonly totalBytes?: number }) => void

/** Finds, downloads, verifies and caches programs. The same request twice at once is one download. */
export interface Programs {
  provide(
    request: ProgramRequest,
    progress: ProgramProgress,
    signal: AbortSignal,
  ): Promise<{ readonly program: Program; readonly why: string }>
  /** The agent's jar of a program, unpacked once into the cache. Resolves to its absolute path. */
  agentJar(program: Program, signal: AbortSignal): Promise<string>
}
