/**
 * The files in `deploy`, used as their heads say: images built with Docker from the Dockerfiles, Manor in a container by compose, and as a
 * service of a real Swarm. Each time the sample build runs in containers of its own.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { buildWithDocker, dockerEnvironment, importBase, makeCheckout } from '../support/deploy.ts'
import { insideOf } from '../support/docker.ts'
import { hudsonProgram } from '../support/hudson.ts'
import { type RealSwarm, type SwarmNode, startSwarm } from '../support/swarm.ts'
import { waitFor } from '../support/wait.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Images are made in it, which takes twenty seconds on a quiet machine and minutes on a busy one. */
const BUILD_WITHIN_MS = 300_000
const CONTROLLER = 'own/hudson-controller:1'
const AGENT = 'own/hudson-agent:1'

let swarm: RealSwarm
let daemon: SwarmNode
let directory: string
let checkout: string
let environment: NodeJS.ProcessEnv
before(async () => {
  swarm = await startSwarm({ nodes: 1, managers: 1 })
  const [node] = swarm.nodes
  assert.ok(node)
  daemon = node
  // Homes are below it: workloads' users have to come through.
  directory = await mkdtemp(join(tmpdir(), 'manor-deploy-'))
  await chmod(directory, 0o755)
  checkout = join(directory, 'checkout')
  environment = await dockerEnvironment(daemon)
  const { program } = await hudsonProgram()
  await importBase(daemon, program)
  await makeCheckout(checkout, program)
})
after(async () => {
  await swarm?.dispose()
  await rm(directory, { recursive: true, force: true })
})

const run = async (program: string, words: readonly string[], variables: NodeJS.ProcessEnv = {}): Promise<string> => {
  const { stdout, stderr } = await promisify(execFile)(program, words, {
    cwd: checkout,
    env: { ...environment, ...variables },
    timeout: BUILD_WITHIN_MS,
  })
  return stdout + stderr
}
const docker = (...words: readonly string[]): Promise<string> => run('docker', words)

/** A home with what it takes to run without a network: Hudson's war beside it. */
const makeHome = async (name: string, configuration?: string): Promise<NodeJS.ProcessEnv> => {
  const home = join(directory, name)
  await mkdir(join(home, 'air-gap'), { recursive: true })
  const { program } = await hudsonProgram()
  await copyFile(program.war, join(home, 'air-gap/hudson-war-2.2.1.war'))
  if (configuration !== undefined) await writeFile(join(home, 'manor.yaml'), configuration)
  return {
    MANOR_HOME: home,
    MANOR_AIR_GAP: join(home, 'air-gap'),
    DOCKER_SOCKET: daemon.socket,
    MANOR_IMAGE: 'manor:test',
    MANOR_PORT: '7170',
  }
}

/** Waits until the log of a Manor tells of the end of its sample build. */
const sampleBuild = (log: () => Promise<string>): Promise<string> => {
  let text = ''
  return waitFor(
    async () => {
      text = await log()
      return /sample build: [A-Z]{4,}/.test(text) ? text : undefined
    },
    { what: 'the sample build has ended', withinMs: BUILD_WITHIN_MS, everyMs: 500, seen: () => text.slice(-3_000) },
  )
}

/** Names of the images of what runs for Manor, and whether any of it has the daemon's socket. */
const workloads = async (): Promise<readonly { readonly image: string; readonly hasSocket: boolean }[]> => {
  const ids = (await docker('ps', '--quiet', '--filter', 'label=manor.owner')).split('\n').filter(Boolean)
  return Promise.all(
    ids.map(async id => {
      const text = await docker('inspect', id)
      const [{ Config, HostConfig, Mounts }] = JSON.parse(text)
      return { image: Config.Image, hasSocket: JSON.stringify([HostConfig, Mounts]).includes('docker.sock') }
    }),
  )
}

/** Starts Manor as a service of the Swarm, and waits for its sample build. */
const deployStack = async (variables: NodeJS.ProcessEnv): Promise<void> => {
  await docker('node', 'update', '--label-add', 'manor=true', daemon.nodeId)
  await run('docker', ['stack', 'deploy', '--resolve-image', 'never', '--compose-file', 'deploy/swarm-stack.yaml', 'manor'], variables)
  assert.match(await sampleBuild(() => docker('service', 'logs', '--raw', 'manor_manor')), /sample build: SUCCESS/)
}

/** Its task ends after the command that asks for it. What it started goes on. */
const removeStack = async (): Promise<void> => {
  await docker('stack', 'rm', 'manor')
  const isGone = async (): Promise<boolean> => (await docker('ps', '--quiet', '--filter', 'name=manor_manor')).trim() === ''
  await waitFor(isGone, { what: 'the stack is gone', withinMs: 60_000, everyMs: 500 })
}

const METADATA = '169.254.169.254'

/** From inside the controller, as from any build of its tenant: Manor's door is open for what has a token, and all else is closed. */
const assertClosed = async (): Promise<void> => {
  const inHost = ['--target', String(daemon.holder), '--net']
  await run('nsenter', [...inHost, 'ip', 'addr', 'add', `${METADATA}/32`, 'dev', 'lo'])
  const script = `require('node:http').createServer((q, a) => a.end('reached')).listen(80, '0.0.0.0', () => console.log('up'))`
  const listener = insideOf(daemon, [process.execPath, '-e', script])
  try {
    await new Promise(resolve => listener.stdout?.once('data', resolve))
    const [id = ''] = (await docker('ps', '--quiet', '--filter', 'label=manor.kind=controller')).trim().split('\n')
    // The policy file of the hook says where Manor is; what it says is what a build would try.
    const [door = ''] =
      /http:\/\/[0-9.]+:7071/.exec(await docker('exec', id, 'sh', '-c', 'cat /manor/*/*.json /manor/*/*/*.json 2>/dev/null || true')) ?? []
    const { hostname } = new URL(door)
    const codeOf = (url: string): Promise<string> =>
      docker('exec', id, 'sh', '-c', `curl --silent --output /dev/null --max-time 3 --write-out '%{http_code}' ${url} || true`)
    const codes = {
      hookWithoutToken: await codeOf(`${door}/hook/v1/wanted`),
      api: await codeOf(`${door}/api/v1/status`),
      page: await codeOf(`${door}/hello/login`),
      manorItself: await codeOf(`http://${hostname}:7170/health`),
      loopback: await codeOf('http://127.0.0.1:7170/health'),
      hostService: await codeOf(`http://${hostname}:80/`),
      metadata: await codeOf(`http://${METADATA}/latest/meta-data/`),
      socket: await codeOf('--unix-socket /var/run/docker.sock http://docker/info'),
    }
    assert.deepEqual(codes, {
      hookWithoutToken: '401',
      api: '404',
      page: '404',
      manorItself: '000',
      loopback: '000',
      hostService: '000',
      metadata: '000',
      socket: '000',
    })
  } finally {
    listener.kill()
  }
}

test('the start script of our images and that of the Dockerfiles are one', async () => {
  const [, script = ''] = /^const START = `([\s\S]*?)`$/m.exec(await readFile(join(ROOT, 'src/images/build.ts'), 'utf8')) ?? []
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the other script's text.
  const filled = script.replaceAll('${IMAGE_PATHS.plugins}', '/opt/manor/plugins').replaceAll('\\$', '$')
  assert.equal(await readFile(join(ROOT, 'deploy/image/start'), 'utf8'), filled)
})

test('the Dockerfiles build', async () => {
  await buildWithDocker(environment, checkout, 'Dockerfile.controller', CONTROLLER)
  await buildWithDocker(environment, checkout, 'Dockerfile.agent', AGENT)
  await buildWithDocker(environment, checkout, 'Dockerfile.manor', 'manor:test')
  assert.match(await docker('run', '--rm', '--network', 'none', 'manor:test', '--version'), /\d+\.\d+\.\d+/)
})

test('compose starts a Manor that runs the sample build in containers, and ends it without them', async () => {
  const variables = await makeHome('home-compose')
  const compose = (...words: readonly string[]): Promise<string> =>
    run('docker-compose', ['--file', 'deploy/compose.yaml', ...words], variables)
  await compose('up', '--detach', '--no-build')
  const text = await sampleBuild(() => compose('logs', '--no-color'))
  assert.match(text, /sample build: SUCCESS/)
  // It may set its firewall, and what is weaker than it should be would be said.
  assert.doesNotMatch(text, /metadata address/)
  assert.match(await compose('exec', '-T', 'manor', 'manor', 'status'), /docker engine/)
  await assertClosed()
  await compose('down')
  const left = await workloads()
  assert.ok(left.length >= 1)
  assert.ok(left.every(({ image, hasSocket }) => /^manor\/hudson-(controller|agent):/.test(image) && !hasSocket))
  await compose('up', '--detach', '--no-build')
  await waitFor(async () => (await compose('logs', '--no-color')).includes('nothing was restarted'), {
    what: 'the next one adopts the controller',
    withinMs: 60_000,
    everyMs: 500,
  })
  await compose('down')
  await compose('run', '--rm', 'manor', 'down', '--now')
  assert.deepEqual(await workloads(), [])
  await compose('down', '--volumes')
})

test('a Swarm runs Manor as a service, and the sample build in the images that were built with Docker', async () => {
  const variables = await makeHome(
    'home-stack',
    `engine: { kind: docker, images: { controller: "${CONTROLLER}", agent: "${AGENT}" } }\nworkloads: { listen: { host: ${daemon.address}, port: 7171 } }\n`,
  )
  await deployStack(variables)
  const running = await workloads()
  assert.ok(running.some(({ image }) => image === CONTROLLER))
  assert.ok(running.every(({ hasSocket }) => !hasSocket))
  await removeStack()
})

test('the same stack runs controllers and agents as services of its own Swarm', async () => {
  const variables = { ...(await makeHome('home-stack-swarm')), MANOR_ENGINE: 'swarm' }
  await deployStack(variables)
  assert.match(
    await docker('service', 'ls', '--filter', 'label=manor.kind=controller', '--format', '{{.Replicas}} {{.Image}}'),
    /^1\/1 sha256:/,
  )
  assert.ok((await workloads()).every(({ hasSocket }) => !hasSocket))
  await removeStack()
})
