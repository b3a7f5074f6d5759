/**
 * What a tenant may let its builds have of their host, on a real daemon: what was allowed is had, and what was not, or never is, cannot be got at by
 * another way.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { containerName } from '../../src/engines/docker/labels.ts'
import { EngineError } from '../../src/engines/index.ts'
import type { Access, Workload } from '../../src/model/index.ts'
import { type DockerBench, dockerBench } from '../support/docker-bench.ts'
import { type DockerHarness, dockerHarness } from '../support/docker-engine.ts'

const never = new AbortController().signal

let harness: DockerHarness
let bench: DockerBench
let shared: string

before(async () => {
  harness = await dockerHarness()
  bench = dockerBench(harness)
  shared = join(harness.daemon.directory, 'shared')
  await mkdir(shared)
  await chmod(shared, 0o777)
  await writeFile(join(shared, 'note'), 'from the host\n')
})
after(() => harness.dispose())

const outcome = async (access: Access, script: string, extra: Partial<Workload> = {}): Promise<string> => {
  const workload = bench.workload(`${script}; echo tried`, { ...extra, access })
  await bench.submit(workload)
  return bench.said(workload.id, 'tried')
}
const isRefused = (access: Access): Promise<void> =>
  assert.rejects(
    bench.submit(bench.workload('echo started', { access })),
    cause => cause instanceof EngineError && cause.reason.code === 'invalid-spec' && !cause.retryable,
    JSON.stringify(access),
  )

const RIGHTS = 'grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status; id -u; ls -d /dev/mem 2>/dev/null || echo no memory'
/** Bit 12 of capabilities(7). */
const NET_ADMIN_ALONE = /CapBnd:\s0+1000\n/

test('a capability that was allowed is in reach of programs that may take it, and no other is; the user is the same', async () => {
  const said = await outcome({ capabilities: ['NET_ADMIN'] }, RIGHTS)
  assert.match(said, NET_ADMIN_ALONE)
  assert.match(said, /CapEff:\s0+\n/)
  assert.match(said, /NoNewPrivs:\s0\n/)
  assert.match(said, /^1000$/m)
  assert.match(said, /no memory/)
  // And none where none was allowed.
  const plain = await outcome({ hostPaths: [{ path: shared }] }, RIGHTS)
  assert.match(plain, /CapBnd:\s0+\n/)
  assert.match(plain, /NoNewPrivs:\s1\n/)
})

test('a privileged container has all rights in reach, and still not the socket of its daemon', async () => {
  const said = await outcome(
    { privileged: true },
    `${RIGHTS}; ls /var/run/docker.sock /run/docker.sock ${harness.daemon.socket} 2>/dev/null || echo no socket`,
  )
  assert.match(said, /CapBnd:\s0*[0-9a-f]*[1-9a-f][0-9a-f]{7,}\n/)
  assert.doesNotMatch(said, NET_ADMIN_ALONE)
  assert.match(said, /^1000$/m)
  assert.match(said, /no socket/)
})

test('a path of the host is read, and written only where that was allowed', async () => {
  const script = `cat ${shared}/note; echo more >>${shared}/out && echo wrote || echo read only`
  assert.match(await outcome({ hostPaths: [{ path: shared }] }, script), /from the host[\s\S]*read only/)
  assert.match(await outcome({ hostPaths: [{ path: shared, writable: true }] }, script), /from the host[\s\S]*wrote/)
  assert.equal(await readFile(join(shared, 'out'), 'utf8'), 'more\n')
})

test('the network of the host is had by whoever was allowed it, and another container keeps its own', async () => {
  const host = execFileSync('nsenter', ['--target', String(harness.daemon.holder), '--net', 'cat', '/proc/net/dev']).toString()
  const names = (text: string): string[] =>
    [...text.matchAll(/^\s*([^\s:|]+):/gm)].map(([, name = '']) => name.replace(/^veth.*/, 'veth')).sort()
  const seen = await outcome({ hostNetwork: true }, 'cat /proc/net/dev')
  const bridges = (all: string[]): string[] => [...new Set(all.filter(name => name !== 'veth'))]
  assert.deepEqual(bridges(names(seen)), bridges(names(host)))
  assert.notDeepEqual(bridges(names(await outcome({}, 'cat /proc/net/dev'))), bridges(names(host)))
  const workload = bench.workload('echo started; sleep 60', { access: { hostNetwork: true } })
  await bench.submit(workload)
  const found = await harness.daemon.client.inspectContainer(containerName(harness.owner, workload.id), never)
  assert.deepEqual(Object.keys(found?.NetworkSettings.Networks ?? {}), ['host'])
  await bench.stop(workload.id)
})

test('no way leads to the socket of the daemon or to its data: by name, by what is above, by a link that a build made', async () => {
  await harness.engine.hosts(never)
  const { socket, directory } = harness.daemon
  await symlink(socket, join(shared, 'innocent'))
  await symlink(join(directory, 'data'), join(shared, 'cache'))
  // A build that may write in a directory makes a link in it, for a second build to ask for.
  await outcome({ hostPaths: [{ path: shared, writable: true }] }, `ln -s ${socket} ${shared}/by-a-build`)
  const paths = [
    '/var/run/docker.sock',
    '/run',
    '/',
    '/proc',
    '/sys',
    '/dev',
    socket,
    harness.proxy.socket,
    directory,
    join(directory, 'data'),
  ]
  for (const path of [...paths, join(shared, 'innocent'), join(shared, 'cache'), join(shared, 'by-a-build')])
    for (const more of [{}, { privileged: true as const }]) await isRefused({ ...more, hostPaths: [{ path }] })
})
