import type { Distribution, Program } from '../../src/controllers/index.ts'

/** A Jenkins that exists on paper: it is at hand at once, and its commands are words that a fake engine understands. */
export const PAPER_PROGRAM: Program = {
  distribution: 'jenkins',
  version: '2.541.3',
  war: '/programs/jenkins.war',
  sha256: '',
  java: '/java/bin/java',
  javaRelease: 21,
  extras: {},
}

export const PAPER_JENKINS: Distribution = {
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
  },
  homeFiles: () => [],
  controllerCommand: () => ({ command: ['controller'], environment: {}, files: [] }),
  agentCommand: ({ name, secret, url }) => ({
    command: ['agent', url, name],
    environment: {},
    files: [{ path: 'agent-secret', content: secret, mode: 0o600 }],
  }),
  agentSecret: (_secrets, name) => `secret of ${name}`,
}
