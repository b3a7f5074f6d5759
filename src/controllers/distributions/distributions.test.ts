import assert from 'node:assert/strict'
import { createDecipheriv, createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AgentLaunch, ControllerLaunch, InstanceSecrets, Program } from './distribution.ts'
import { distributionOf } from './distributions.ts'
import { HUDSON_LAUNCHER } from './hudson.ts'

const SECRETS: InstanceSecrets = {
  masterKey: '0123456789abcdef'.repeat(16),
  agentKey: '00112233445566778899aabbccddeeff'.repeat(2),
  adminPassword: 'admin-password',
  apiToken: `11${'c'.repeat(32)}`,
  hookToken: 'hook-token',
}
const [jenkins, hudson] = [distributionOf('jenkins'), distributionOf('hudson')]

const programOf = (distribution: Program['distribution']): Program => ({
  distribution,
  version: '1',
  war: '/cache/program.war',
  sha256: '',
  java: '/jvm/bin/java',
  javaRelease: 17,
  extras: distribution === 'hudson' ? { [HUDSON_LAUNCHER]: '/cache/launcher' } : {},
})

const controllerLaunch = (distribution: Program['distribution'], memoryMb = 1_024): ControllerLaunch => ({
  program: programOf(distribution),
  home: '/homes/a',
  hookRoot: '/hook',
  policyFile: '{dir}/policy.json',
  prefix: '/team-a',
  listenAddress: '127.0.0.1',
  httpPort: 20_001,
  agentPort: 20_002,
  memoryMb,
  temporaryDirectory: '{dir}/tmp',
})

const agentLaunch = (distribution: Program['distribution']): AgentLaunch => ({
  program: programOf(distribution),
  agentJar: '/cache/agent.jar',
  url: 'http://127.0.0.1:20001/team-a/',
  name: 'linux-x1',
  secret: 'the-secret-of-the-agent',
  workDirectory: '/agents/x1',
  jarCache: '/agents/jars',
  memoryMb: 512,
})

test('Jenkins finds the key that Manor mints agents’ secrets with', () => {
  const files = new Map(jenkins.homeFiles(SECRETS).map(file => [file.path, file]))
  const sealed = files.get('secrets/jenkins.slaves.JnlpSlaveAgentProtocol.secret')
  assert.equal(sealed?.encoding, 'base64')
  const bytes = Buffer.from(sealed?.content ?? '', 'base64')
  assert.equal(bytes.length, 48)
  // As jenkins.security.DefaultConfidentialStore reads it, from the master key's text.
  const key = createHash('sha256')
    .update(files.get('secrets/master.key')?.content ?? '')
    .digest()
    .subarray(0, 16)
  const decipher = createDecipheriv('aes-128-ecb', key, null)
  const plain = Buffer.concat([decipher.update(bytes), decipher.final()])
  assert.equal(plain.subarray(32).toString('utf8'), '::::MAGIC::::')
  assert.equal(plain.subarray(0, 32).toString('hex'), SECRETS.agentKey)
})

test('an agent’s secret is the HMAC of its name in Jenkins, and the instance’s own in Hudson', () => {
  assert.equal(jenkins.agentSecret(SECRETS, 'linux-x1'), 'f9ec17ea9011ca35970e398662bbd590324d58d7fcaba67fc1cfa3e01bd0e6a0')
  assert.notEqual(jenkins.agentSecret(SECRETS, 'linux-x2'), jenkins.agentSecret(SECRETS, 'linux-x1'))
  assert.equal(hudson.agentSecret(SECRETS, 'linux-x1'), hudson.homeFiles(SECRETS).find(({ path }) => path === 'secret.key')?.content)
})

for (const name of ['jenkins', 'hudson'] as const) {
  const distribution = distributionOf(name)

  test(`${name}: files with secrets are private`, () => {
    const secret = /key|secret/
    for (const { path, mode } of distribution.homeFiles(SECRETS)) if (secret.test(path)) assert.equal(mode, 0o600, path)
    for (const { mode } of distribution.agentCommand(agentLaunch(name)).files) assert.equal(mode, 0o600)
  })

  test(`${name}: no command line holds a secret`, () => {
    const agent = distribution.agentCommand(agentLaunch(name))
    const words = [...agent.command, ...distribution.controllerCommand(controllerLaunch(name)).command].join(' ')
    for (const secret of ['the-secret-of-the-agent', ...Object.values(SECRETS)]) assert.ok(!words.includes(secret))
    assert.deepEqual(agent.files, [{ path: 'agent-secret', content: 'the-secret-of-the-agent', mode: 0o600 }])
    assert.ok(agent.command.some(word => word.endsWith('{dir}/agent-secret')))
  })

  test(`${name}: listens on the loopback address alone, under its prefix`, () => {
    const { command, files } = distribution.controllerCommand(controllerLaunch(name))
    for (const word of ['--httpPort=20001', '--httpListenAddress=127.0.0.1', '--prefix=/team-a', '-Dmanor.policy={dir}/policy.json'])
      assert.ok(command.includes(word), word)
    assert.ok(command.includes('-Djava.io.tmpdir={dir}/tmp'))
    // The directory for temporary files is there before the JVM looks for it.
    assert.ok(files.some(({ path }) => path.startsWith('tmp/')))
  })

  test(`${name}: the memory of the JVM stays within the limit, however small or large it is`, () => {
    const number = (command: readonly string[], pattern: RegExp): number =>
      Number(command.map(word => pattern.exec(word)?.[1]).find(found => found !== undefined))
    fc.assert(
      fc.property(fc.integer({ min: 512, max: 262_144 }), memoryMb => {
        const { command } = distribution.controllerCommand(controllerLaunch(name, memoryMb))
        assert.ok(command.includes(`-XX:MaxRAM=${memoryMb}m`))
        assert.ok(!command.some(word => word.startsWith('-Xmx')))
        const heap = (memoryMb * number(command, /^-XX:MaxRAMPercentage=(.+)$/)) / 100
        const rest = number(command, /^-XX:MaxMetaspaceSize=(\d+)m$/) + number(command, /^-XX:ReservedCodeCacheSize=(\d+)m$/)
        assert.ok(heap + rest < memoryMb, `${heap} + ${rest}`)
      }),
    )
  })
}

test('the whole of Jenkins’ command, as it is', () => {
  assert.deepEqual(jenkins.controllerCommand(controllerLaunch('jenkins', 2_048)).command, [
    '/jvm/bin/java',
    '-XX:MaxRAM=2048m',
    '-XX:MaxRAMPercentage=50',
    '-XX:InitialRAMPercentage=12.5',
    '-XX:+UseG1GC',
    '-XX:MaxMetaspaceSize=512m',
    '-XX:ReservedCodeCacheSize=205m',
    '-XX:-UsePerfData',
    '-XX:+ExitOnOutOfMemoryError',
    '-DJENKINS_HOME=/homes/a',
    '-Djava.awt.headless=true',
    '-Djava.io.tmpdir={dir}/tmp',
    '-Dfile.encoding=UTF-8',
    '-Djenkins.util.groovy.GroovyHookScript.ROOT_PATH=/hook',
    '-Dmanor.policy={dir}/policy.json',
    '-Djenkins.install.runSetupWizard=false',
    '-Djenkins.model.Jenkins.slaveAgentPort=-1',
    '-Djenkins.model.Jenkins.slaveAgentPortEnforce=true',
    '-Dhudson.lifecycle=hudson.lifecycle.ExitLifecycle',
    '-Dhudson.model.UpdateCenter.never=true',
    '-Dhudson.model.DownloadService.never=true',
    '-Dhudson.model.UsageStatistics.disabled=true',
    '-jar',
    '/cache/program.war',
    '--httpPort=20001',
    '--httpListenAddress=127.0.0.1',
    '--prefix=/team-a',
    '--webroot={dir}/tmp/war',
    '--pluginroot={dir}/tmp/plugins',
    '--extractedFilesFolder={dir}/tmp',
  ])
})

test('Jenkins’ agent comes by WebSocket and stays when its controller goes', () => {
  const { command } = jenkins.agentCommand(agentLaunch('jenkins'))
  assert.deepEqual(command.slice(command.indexOf('-jar')), [
    '-jar',
    '/cache/agent.jar',
    '-url',
    'http://127.0.0.1:20001/team-a/',
    '-name',
    'linux-x1',
    '-secret',
    '@{dir}/agent-secret',
    '-webSocket',
    '-workDir',
    '/agents/x1',
    '-jar-cache',
    '/agents/jars',
  ])
  assert.ok(!command.some(word => word.startsWith('-noReconnect')))
})

test('Hudson has its plugins switched off, no AJP port and its packages opened', () => {
  assert.equal(hudson.homeFiles(SECRETS).filter(({ path }) => /^plugins\/.*\.hpi\.disabled$/.test(path)).length, 8)
  const { command } = hudson.controllerCommand(controllerLaunch('hudson'))
  assert.ok(command.includes('--ajp13Port=-1'))
  assert.equal(command.filter(word => word.startsWith('--add-opens=')).length, 17)
  const main = command.indexOf('manor.hudson.Controller')
  assert.deepEqual(command.slice(main - 2, main), ['-cp', '/cache/launcher:/cache/program.war'])
})
