/** Agents that come and go by the hundred leave nothing behind, and cost Manor no memory. `bench/run docker-soak` does it with 1,000. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { tenantId } from '../../src/model/index.ts'
import { type DockerHarness, dockerHarness } from '../support/docker-engine.ts'
import { leftoversOf, soak, soakWorkload } from '../support/docker-soak.ts'

const TOTAL = 150

let harness: DockerHarness
before(async () => {
  harness = await dockerHarness()
})
after(() => harness?.dispose())

test(`${TOTAL} agents that start and end leave no container, volume, shim or dead process`, async () => {
  const tenants = ['red', 'blue', 'green'] as const
  let gone = 0
  await soak({
    engine: harness.engine,
    total: TOTAL,
    workload: index => soakWorkload(harness.owner, harness.image ?? '', index, tenantId(tenants[index % 3] ?? 'red')),
    onGone: count => (gone = count),
  })
  assert.equal(gone, TOTAL)
  // A network stays for the next build of its tenant, one each, until it was idle for ten minutes.
  assert.deepEqual(await leftoversOf(harness.daemon, harness.owner), { containers: 0, volumes: 0, networks: 3, defunct: 0, shims: 0 })
})
