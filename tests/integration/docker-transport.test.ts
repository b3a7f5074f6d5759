/** The ways to a daemon (TLS, ssh), pulls with a login, and the log's tail, each with a real daemon at the other end. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { DockerClient } from '../../src/engines/docker/client/client.ts'
import { DaemonSilent } from '../../src/engines/docker/client/errors.ts'
import { EngineError } from '../../src/engines/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { insideOf } from '../support/docker.ts'
import { type DockerBench, dockerBench } from '../support/docker-bench.ts'
import { type DockerHarness, dockerHarness } from '../support/docker-engine.ts'

const never = new AbortController().signal
let harness: DockerHarness
let bench: DockerBench
let directory: string

before(async () => {
  harness = await dockerHarness()
  bench = dockerBench(harness)
  directory = await mkdtemp(join(tmpdir(), 'manor-transport-'))
})
after(async () => {
  await harness.dispose()
  await rm(directory, { recursive: true, force: true })
})

const openssl = (args: readonly string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' })

/** An authority and a pair of keys for each side. */
const makeCertificates = async (): Promise<void> => {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl(['req', '-x509', ...key, '-days', '2', '-subj', '/CN=test authority', '-keyout', 'ca-key.pem', '-out', 'ca.pem'])
  for (const [name, usage] of [
    ['server', 'serverAuth'],
    ['client', 'clientAuth'],
  ] as const) {
    await writeFile(join(directory, `${name}.ext`), `subjectAltName=IP:127.0.0.1\nextendedKeyUsage=${usage}\n`)
    openssl(['req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}-key.pem`, '-out', `${name}.csr`])
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`]
    openssl(['x509', '-req', '-in', `${name}.csr`, ...signing, '-out', `${name}.pem`])
  }
}

const pem = (name: string): Promise<string> => readFile(join(directory, `${name}.pem`), 'utf8')

test('a daemon behind TLS is reached with the certificates of both sides, and with no others', async () => {
  await makeCertificates()
  const { createServer: createTlsServer } = await import('node:tls')
  const { connect } = await import('node:net')
  // The daemon's own TLS would listen in its namespaces: the same handshake, one step before it.
  const server = createTlsServer(
    { key: await pem('server-key'), cert: await pem('server'), ca: await pem('ca'), requestCert: true, rejectUnauthorized: true },
    socket => {
      const daemon = connect(harness.daemon.socket)
      for (const side of [socket, daemon]) side.on('error', () => [socket, daemon].map(each => each.destroy()))
      socket.pipe(daemon).pipe(socket)
    },
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const listening = server.address()
  assert.ok(typeof listening === 'object' && listening !== null)
  const address = `tcp://127.0.0.1:${listening.port}`
  const good = { ca: await pem('ca'), cert: await pem('client'), key: await pem('client-key') }
  const client = new DockerClient({ address, clock: systemClock, tls: good })
  assert.equal((await client.info(never)).OSType, 'linux')
  const stranger = new DockerClient({ address, clock: systemClock, tls: { ...good, ca: good.cert } })
  await assert.rejects(stranger.info(never), cause => cause instanceof DaemonSilent && /certificate|issuer/i.test(cause.message))
  const plain = new DockerClient({ address, clock: systemClock })
  await assert.rejects(plain.info(never), DaemonSilent)
  for (const each of [client, stranger, plain]) await each.close()
  server.close()
})

test("a daemon behind ssh is reached by the system's ssh and Docker's own dial-stdio; what ssh says is told", async () => {
  const program = join(directory, 'ssh')
  // In place of a network: what the far side would be asked to run is run here.
  const lines = ['#!/bin/sh', `echo "$@" >>${directory}/asked`, 'while [ "$1" != -- ]; do shift; done', 'shift 2']
  await writeFile(program, [...lines, `DOCKER_HOST=unix://${harness.daemon.socket} exec "$@"`, ''].join('\n'))
  await chmod(program, 0o755)
  const client = new DockerClient({ address: 'ssh://manor@worker-1:2222', sshProgram: program, clock: systemClock })
  const [info, images] = await Promise.all([client.info(never), client.imageNames(never)])
  assert.equal(info.OSType, 'linux')
  assert.deepEqual(images.tags, [harness.image])
  assert.match(await readFile(join(directory, 'asked'), 'utf8'), /BatchMode=yes .*-p 2222 -- manor@worker-1 docker system dial-stdio/)
  await client.close()
  await writeFile(program, '#!/bin/sh\necho "Permission denied (publickey)." >&2\nexit 255\n')
  const said: string[] = []
  const refused = new DockerClient({ address: 'ssh://worker-1', sshProgram: program, clock: systemClock, onSaid: line => said.push(line) })
  await assert.rejects(refused.info(never), DaemonSilent)
  assert.match(said.join('\n'), /worker-1.*publickey/)
  await refused.close()
})

test('nobody there: silence, at once; somebody who says nothing: silence, at the deadline', async () => {
  const nobody = new DockerClient({ address: `unix://${directory}/none.sock`, clock: systemClock })
  await assert.rejects(nobody.info(never), cause => cause instanceof DaemonSilent && /ENOENT/.test(cause.message))
  const mute = createServer()
  await new Promise<void>(resolve => mute.listen(join(directory, 'mute.sock'), resolve))
  const client = new DockerClient({ address: `unix://${directory}/mute.sock`, clock: systemClock })
  await assert.rejects(client.ping(never, 300), cause => cause instanceof DaemonSilent && /300 ms/.test(cause.message))
  for (const each of [nobody, client]) await each.close()
  mute.close()
})

test('an image comes from a registry with its login, and without one the reason says so', async () => {
  const login = { username: 'ci', password: 'p:ä?' }
  const layer = join(harness.daemon.directory, 'rootfs.tar')
  const registry = insideOf(harness.daemon, [
    process.execPath,
    join(import.meta.dirname, '../support/registry.ts'),
    layer,
    login.username,
    login.password,
  ])
  try {
    const port = await new Promise<string>(resolve => registry.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())))
    const host = `127.0.0.1:${port}`
    const image = `${host}/ci/agent:1`
    const engine = await harness.open({ pullPolicy: 'missing', registries: { [host]: login } })
    const stranger = await harness.open({ pullPolicy: 'missing' })
    const refused = bench.workload('exit 0', { image })
    await assert.rejects(
      stranger.submit(refused, harness.host, never),
      cause =>
        cause instanceof EngineError &&
        cause.reason.code === 'image-pull' &&
        !cause.retryable &&
        /login|registr/.test(cause.reason.mend ?? ''),
    )
    await assert.rejects(
      engine.submit(bench.workload('exit 0', { image: `${host}/ci/agent:none` }), harness.host, never),
      cause => cause instanceof EngineError && cause.reason.code === 'image-pull' && !cause.retryable,
    )
    // Ten at the same time are one pull.
    const before = harness.proxy.calls.filter(call => call === 'POST /images/create').length
    const all = Array.from({ length: 10 }, () => bench.workload('echo pulled', { image }))
    await Promise.all(all.map(workload => engine.submit(workload, harness.host, never)))
    for (const { id } of all) await bench.said(id, 'pulled')
    assert.equal(harness.proxy.calls.filter(call => call === 'POST /images/create').length - before, 1)
    const [seen] = await (await harness.open({})).hosts(never)
    assert.ok(seen?.attributes.images?.split(' ').includes(image))
  } finally {
    registry.kill()
  }
})

test('the tail of a log is right for long lines, short ones, none, and characters of several bytes', async () => {
  const long = await bench.submit(bench.workload('head -c 300000 /dev/zero | tr "\\0" x; echo; echo end'))
  await bench.said(long, 'end')
  assert.equal(await harness.engine.logs(long, 100_000, never), `${'x'.repeat(99_995)}\nend\n`)
  assert.equal((await harness.engine.logs(long, 1_048_576, never)).length, 300_005)
  const wide = await bench.submit(bench.workload('i=0; while [ $i -lt 50 ]; do echo üü; i=$((i+1)); done; echo end'))
  await bench.said(wide, 'end')
  assert.match(await harness.engine.logs(wide, 12, never), /^(ü?ü)?\nüü\n?end\n$|^ü\nend\n$|^üü\nend\n$/)
  const quiet = await bench.submit(bench.workload('exit 0'))
  await bench.until(quiet, 'ended')
  assert.equal(await harness.engine.logs(quiet, 1_000, never), '')
  assert.equal(await harness.engine.logs(long, 0, never), '')
})
