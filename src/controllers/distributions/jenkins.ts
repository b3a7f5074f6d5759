import { createCipheriv, createHash, createHmac } from 'node:crypto'
import type { AgentLaunch, ControllerLaunch, Distribution, InstanceSecrets, LaunchPlan } from './distribution.ts'
import { agentMemoryFlags, controllerMemoryFlags } from './jvm-flags.ts'
import { AGENT_SECRET_PATH, secretFile, temporaryFiles } from './launch-files.ts'

/**
 * Jenkins, any line of long-term support since 2.426. Needs no plugin: agents come by WebSocket through the controller's own HTTP port, the hook
 * lies outside the home, and the key under which agents' secrets are minted is put into the home before its first start, so that an agent can
 * be started without asking the controller.
 */

/** jenkins.security.DefaultConfidentialStore: closes every stored key, so that a wrong master key is noticed. */
const MAGIC = '::::MAGIC::::'

/**
 * A key as DefaultConfidentialStore keeps it: AES-128 in ECB mode with PKCS#5 padding over the key and the magic, under the first 16 bytes of
 * the SHA-256 of the master key's text. (ECB is Jenkins' choice; the content is random, so it gives nothing away.)
 */
export const sealConfidentialKey = (masterKey: string, key: Uint8Array): Buffer => {
  const cipher = createCipheriv('aes-128-ecb', createHash('sha256').update(masterKey.trim(), 'utf8').digest().subarray(0, 16), null)
  return Buffer.concat([cipher.update(key), cipher.update(MAGIC, 'utf8'), cipher.final()])
}

const properties = ({ home, hookRoot, policyFile, temporaryDirectory }: ControllerLaunch): Readonly<Record<string, string>> => ({
  JENKINS_HOME: home,
  'java.awt.headless': 'true',
  'java.io.tmpdir': temporaryDirectory,
  'file.encoding': 'UTF-8',
  // In place of the home's own hooks: what a tenant puts into the home is not run before the instance is secured.
  'jenkins.util.groovy.GroovyHookScript.ROOT_PATH': hookRoot,
  'manor.policy': policyFile,
  'jenkins.install.runSetupWizard': 'false',
  // Without the wizard the default is a random port that is open on all interfaces.
  'jenkins.model.Jenkins.slaveAgentPort': '-1',
  'jenkins.model.Jenkins.slaveAgentPortEnforce': 'true',
  // A restart that is asked for inside, and a boot that failed, end the process; Manor starts it again as any that ended, with a new fencing
  // number. The default would replace the program within the process, past Manor, and show a failed boot for ever.
  'hudson.lifecycle': 'hudson.lifecycle.ExitLifecycle',
  // No calls to the outside of its own accord: a thousand controllers would make them all.
  'hudson.model.UpdateCenter.never': 'true',
  'hudson.model.DownloadService.never': 'true',
  'hudson.model.UsageStatistics.disabled': 'true',
})

const controllerCommand = (launch: ControllerLaunch): LaunchPlan => {
  const { program, prefix, temporaryDirectory } = launch
  return {
    command: [
      program.java,
      ...controllerMemoryFlags(launch.memoryMb),
      ...Object.entries(properties(launch)).map(([name, value]) => `-D${name}=${value}`),
      '-jar',
      program.war,
      `--httpPort=${launch.httpPort}`,
      `--httpListenAddress=${launch.listenAddress}`,
      `--prefix=${prefix}`,
      // What is unpacked belongs to the run, not to the home: it would be in every snapshot.
      `--webroot=${temporaryDirectory}/war`,
      `--pluginroot=${temporaryDirectory}/plugins`,
      `--extractedFilesFolder=${temporaryDirectory}`,
    ],
    environment: { LC_ALL: 'C.UTF-8' },
    files: temporaryFiles(temporaryDirectory),
  }
}

/** Without `-noReconnect`: the agent outlives a restart of its controller, and is ended by Manor when its build is over. */
const agentCommand = (launch: AgentLaunch): LaunchPlan => ({
  command: [
    launch.program.java,
    ...agentMemoryFlags(launch.memoryMb),
    '-Djava.awt.headless=true',
    '-Dfile.encoding=UTF-8',
    '-jar',
    launch.agentJar,
    '-url',
    launch.url,
    '-name',
    launch.name,
    '-secret',
    `@${AGENT_SECRET_PATH}`,
    '-webSocket',
    '-workDir',
    launch.workDirectory,
    ...(launch.jarCache === undefined ? [] : ['-jar-cache', launch.jarCache]),
  ],
  environment: { LC_ALL: 'C.UTF-8' },
  files: [secretFile(launch.secret)],
})

/** jenkins.slaves.JnlpAgentReceiver.SLAVE_SECRET: the same name has the same secret for ever, so names are never used again. */
const agentSecret = (secrets: InstanceSecrets, name: string): string =>
  createHmac('sha256', Buffer.from(secrets.agentKey, 'hex')).update(name, 'utf8').digest('hex')

export const jenkins: Distribution = {
  name: 'jenkins',
  capabilities: {
    agents: 'websocket',
    agentSecret: 'hmac',
    crumbs: true,
    apiTokens: true,
    health: true,
    versionHeader: 'x-jenkins',
    hookOutsideHome: true,
    agentJar: 'agent.jar',
    // Of ExitLifecycle, unless jenkins.model.Jenkins.exitCodeOnRestart says otherwise.
    restartExitCode: 5,
  },
  homeFiles: secrets => [
    { path: 'secrets/master.key', content: secrets.masterKey, mode: 0o600 },
    {
      path: 'secrets/jenkins.slaves.JnlpSlaveAgentProtocol.secret',
      content: sealConfidentialKey(secrets.masterKey, Buffer.from(secrets.agentKey, 'hex')).toString('base64'),
      encoding: 'base64',
      mode: 0o600,
    },
    // Says that setting up is done; Jenkins looks only whether it is there (jenkins.install.UpgradeWizard).
    { path: 'jenkins.install.UpgradeWizard.state', content: '2.0', mode: 0o644 },
  ],
  controllerCommand,
  agentCommand,
  agentSecret,
}
