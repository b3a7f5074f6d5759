/** What a tenant may let its builds have of their host, on a real Swarm of one node: capabilities, paths and the host's network are had as allowed. */
import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { EngineError } from '../../src/engines/index.ts'
import type { Access } from '../../src/model/index.ts'
import { workloadsOf } from '../support/docker-bench.ts'
import { type SwarmHarness, swarmHarness } from '../support/swarm-engine.ts'
import { waitFor } from '../support/wait.ts'

const never = new AbortController().signal

let harness: SwarmHarness
let shared: string

before(async () => {
  harness = await swarmHarness({ nodes: 1, managers: 1 })
  const [node] = harness.swarm.nodes
  assert.ok(node)
  shared = join(node.directory, 'shared')
  await mkdir(shared)
  await chmod(shared, 0o777)
  await writeFile(join(shared, 'note'), 'from the host\n')
})
after(() => harness.dispose())

const outcome = async (access: Access, script: string): Promise<string> => {
  const workload = workloadsOf(harness)(`${script}; echo tried`, { access })
  await harness.engine.submit(workload, undefined, never)
  let log = ''
  return waitFor(
    async () => {
      log = await harness.engine.logs(workload.id, 65_536, never)
      return log.includes('tried') ? log : undefined
    },
    { what: `${workload.id} has tried`, seen: () => log, withinMs: 60_000 },
  )
}

test('a capability that was allowed is in reach, and no other is', async () => {
  // Bit 12 of capabilities(7).
  assert.match(await outcome({ capabilities: ['NET_ADMIN'] }, 'grep CapBnd /proc/self/status'), /CapBnd:\s0+1000\n/)
  assert.match(await outcome({ hostPaths: [{ path: shared }] }, 'grep CapBnd /proc/self/status'), /CapBnd:\s0+\n/)
})

test('a path of the host is read, and written only where that was allowed', async () => {
  const script = `cat ${shared}/note; echo more >>${shared}/out && echo wrote || echo read only`
  assert.match(await outcome({ hostPaths: [{ path: shared }] }, script), /from the host[\s\S]*read only/)
  assert.match(await outcome({ hostPaths: [{ path: shared, writable: true }] }, script), /from the host[\s\S]*wrote/)
  assert.equal(await readFile(join(shared, 'out'), 'utf8'), 'more\n')
})

test('the network of the host is had by whoever was allowed it, and by nobody else', async () => {
  // A Swarm's own bridge is on its node, and in no container.
  assert.match(await outcome({ hostNetwork: true }, 'cat /proc/net/dev'), /docker_gwbridge:/)
  assert.doesNotMatch(await outcome({ hostPaths: [{ path: shared }] }, 'cat /proc/net/dev'), /docker_gwbridge:/)
})

test('a privileged container and the socket of the daemon are refused', async () => {
  const [node] = harness.swarm.nodes
  for (const access of [
    { privileged: true as const },
    { hostPaths: [{ path: '/var/run/docker.sock' }] },
    { hostPaths: [{ path: node?.socket ?? '' }] },
  ])
    await assert.rejects(
      harness.engine.submit(workloadsOf(harness)('echo started', { access }), undefined, never),
      cause => cause instanceof EngineError && cause.reason.code === 'invalid-spec' && !cause.retryable,
      JSON.stringify(access),
    )
})
