/**
 * `manor up` with its controller through a Marathon and its agents on a real Mesos. The Marathon is a double, since none can be installed, or the
 * one of `./test marathon --url URL --master MESOS`; then both are one cluster, on which nothing is left.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MarathonClient } from '../../src/engines/marathon/client.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { createMarathonDouble } from '../doubles/marathon/marathon.ts'
import { manorUp, onMesos } from '../support/manor-up.ts'
import { clusterFromEnvironment } from '../support/marathon-engine.ts'
import { givenCluster } from '../support/mesos-engine.ts'

const DOOR = 'workloads: { listen: { host: 127.0.0.1, port: 0 } }'
const listed = (urls: readonly string[]): string => urls.map(url => `'${url}'`).join(', ')

test('the sample build runs with its controller on a Marathon and its agent on the real Mesos', async context => {
  const cluster = clusterFromEnvironment()
  if (cluster !== undefined && givenCluster() === undefined)
    return context.diagnostic('It is left out: give the Mesos below that Marathon too, as --master URL.')
  await onMesos(context, async (settings, given) => {
    const directory = await mkdtemp(join(tmpdir(), 'manor-marathon-up-'))
    try {
      if (cluster === undefined) {
        await using marathon = await createMarathonDouble({ clock: systemClock, directory })
        await manorUp(`engine: { kind: marathon, urls: [${listed(marathon.urls)}], ${settings} }\n${DOOR}\n`, [], given)
        return
      }
      const { urls, credentials } = cluster
      const passwordFile = join(directory, 'password')
      await writeFile(passwordFile, credentials?.password ?? '', { mode: 0o600 })
      const login = credentials === undefined ? '' : `, marathonLogin: { username: '${credentials.user}', passwordFile: '${passwordFile}' }`
      const group = `/manor-up-${systemClock.now().toString(36)}`
      const client = new MarathonClient({
        urls,
        clock: systemClock,
        ...(credentials === undefined ? {} : { credentials: { kind: 'basic', ...credentials } }),
      })
      try {
        await manorUp(`engine: { kind: marathon, urls: [${listed(urls)}], group: ${group}${login}, ${settings} }\n${DOOR}\n`, [], given)
      } finally {
        await client.json('DELETE', `/v2/groups${group}?force=true`, undefined, AbortSignal.timeout(30_000)).catch(() => undefined)
        await client.close()
      }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})

test('without a cluster the sample build runs on doubles, which are said to be doubles', async () => {
  const text = await manorUp(undefined, ['--engine', 'marathon', '--double'], undefined)
  assert.match(text, /A double of Marathon and of Mesos is at work here/)
})
