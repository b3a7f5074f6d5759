import type { AgentLaunch, ControllerLaunch, Distribution, InstanceSecrets, LaunchPlan, Program } from './distribution.ts'
import { agentMemoryFlags, controllerMemoryFlags } from './jvm-flags.ts'
import { AGENT_SECRET_PATH, secretFile, temporaryFiles } from './launch-files.ts'

/**
 * Hudson 2.2.1 of May 2012, Jenkins' ancestor, on a Java of today. It is what Manor falls back to where Jenkins cannot be had, and the real
 * controller that the tests run. Seen on two cores with Java 17 and a limit of 512 MB: serves 2.9 s after its start, 160 MB resident; an
 * agent connects in under a second, 51 MB resident.
 *
 * What was learned from the real one, and the hook builds on:
 * - It runs `init.groovy` of its home and nothing else (no init.groovy.d). An exception in there leaves it at 503 for ever.
 * - Its FullControlOnceLoggedInAuthorizationStrategy lets anybody read, and whoever may read a node may read its .jnlp, which holds the
 *   instance's secret. So the hook grants rights one by one (GlobalMatrixAuthorizationStrategy). Then `/login`, `/tcpSlaveAgentListener/`
 *   and `/jnlpJars/` are open, as agents need, and all else is 403.
 * - The port for agents has no setter. The listener is opened after the script has run, from the private field `slaveAgentPort`.
 * - A restart that is asked for inside replaces the program within the same process, with the same arguments; its hook runs again.
 * - `/login` does not carry `X-Hudson` and nothing that is open does; the version stands at the foot of the page.
 */
export const HUDSON_VERSION = '2.2.1'

/** Name under which `Program.extras` carries the directory of our two launcher classes (hudson-launcher/). */
export const HUDSON_LAUNCHER = 'launcher'

/** Packages that Hudson's libraries reach into by reflection; closed to them since Java 16. */
const OPENED_PACKAGES = [
  ...['lang', 'lang.reflect', 'lang.ref', 'util', 'util.concurrent', 'util.concurrent.atomic', 'util.regex', 'util.zip'].map(
    name => `java.base/java.${name}`,
  ),
  ...['text', 'io', 'net', 'nio', 'security'].map(name => `java.base/java.${name}`),
  'java.base/sun.nio.ch',
  ...['java.awt', 'java.awt.font', 'java.beans'].map(name => `java.desktop/${name}`),
]

/** Plugins inside the war. Their class scanners fail on class files of a modern Java, and then every new job is answered with 500. */
const BUNDLED_PLUGINS = ['cvs', 'git', 'maven-plugin', 'maven3-plugin', 'maven3-snapshots', 'rest-plugin', 'ssh-slaves', 'subversion']

const opened = OPENED_PACKAGES.map(name => `--add-opens=${name}=ALL-UNNAMED`)

const launcherOf = (program: Program): string => {
  const directory = program.extras[HUDSON_LAUNCHER]
  if (directory === undefined) throw new TypeError(`The program ${program.war} does not name its launcher classes.`)
  return directory
}

const controllerCommand = (launch: ControllerLaunch): LaunchPlan => {
  const { program, memoryMb, temporaryDirectory, home } = launch
  return {
    command: [
      program.java,
      ...controllerMemoryFlags(memoryMb),
      '-Djava.awt.headless=true',
      '-Dfile.encoding=UTF-8',
      `-Djava.io.tmpdir=${temporaryDirectory}`,
      `-DHUDSON_HOME=${home}`,
      `-Dmanor.policy=${launch.policyFile}`,
      // Announcing itself on the local network costs 8 s at the start and 5 s at the end. The UDP beacon cannot be closed, only moved.
      '-Dhudson.DNSMultiCast.disabled=true',
      '-Dhudson.udp=0',
      // It asks update sites that have been gone for years.
      '-Dhudson.model.UpdateCenter.never=true',
      '-Dhudson.model.UsageStatistics.disabled=true',
      ...opened,
      '-cp',
      `${launcherOf(program)}:${program.war}`,
      'manor.hudson.Controller',
      `--httpPort=${launch.httpPort}`,
      `--httpListenAddress=${launch.listenAddress}`,
      // Else two controllers of one host collide on 8009.
      '--ajp13Port=-1',
      `--prefix=${launch.prefix}`,
      `--webroot=${temporaryDirectory}/war`,
    ],
    environment: { LC_ALL: 'C.UTF-8' },
    files: temporaryFiles(temporaryDirectory),
  }
}

const agentCommand = (launch: AgentLaunch): LaunchPlan => ({
  command: [
    launch.program.java,
    ...agentMemoryFlags(launch.memoryMb),
    '-Djava.awt.headless=true',
    '-Dfile.encoding=UTF-8',
    ...opened,
    '-cp',
    `${launcherOf(launch.program)}:${launch.agentJar}`,
    'manor.hudson.Agent',
    launch.url,
    launch.name,
    AGENT_SECRET_PATH,
  ],
  environment: { LC_ALL: 'C.UTF-8' },
  files: [secretFile(launch.secret)],
})

/**
 * One secret for all agents of an instance, and it is the instance's own: the key its stored passwords are encrypted with too. That is how
 * Hudson was made; whoever runs builds on a Hudson can read what it stores, and SECURITY.md says so.
 */
const agentSecret = (secrets: InstanceSecrets): string => secrets.masterKey

export const hudson: Distribution = {
  name: 'hudson',
  capabilities: {
    agents: 'tcp',
    agentSecret: 'instance',
    // The hook leaves them off, which the client finds out by asking; an owner may have switched them on.
    crumbs: true,
    apiTokens: false,
    health: false,
    versionHeader: 'x-hudson',
    hookOutsideHome: false,
    agentJar: 'slave.jar',
  },
  homeFiles: secrets => [
    { path: 'secret.key', content: secrets.masterKey, mode: 0o600 },
    ...BUNDLED_PLUGINS.map(name => ({ path: `plugins/${name}.hpi.disabled`, content: '', mode: 0o644 })),
  ],
  controllerCommand,
  agentCommand,
  agentSecret,
}
