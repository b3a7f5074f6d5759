import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { SwarmPreparations } from './preparations.ts'

const never = new AbortController().signal
const IMAGE = 'manor/hudson-agent:1-abc'
const ID = `sha256:${'a'.repeat(64)}`

/** What a daemon on paper says of itself. */
type Paper = { readonly nodeId: string; readonly isManager?: boolean; readonly images?: Readonly<Record<string, string>> }

let directory: string
const servers: Server[] = []
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'manor-swarm-paper-'))
})
after(async () => {
  for (const server of servers) await new Promise<void>(resolve => server.close(() => resolve()))
  rmSync(directory, { recursive: true, force: true })
})

const nodesOf = (papers: readonly Paper[]) =>
  papers.map(({ nodeId }) => ({
    ID: nodeId,
    Version: { Index: 1 },
    CreatedAt: '2026-01-01T00:00:00Z',
    Spec: { Availability: 'active' },
    Description: { Hostname: `host-${nodeId}` },
    Status: { State: 'ready' },
  }))

/** Starts these daemons; `others` are nodes that no daemon here is. Undefined stands for one that is silent. */
const prepared = async (papers: readonly (Paper | undefined)[], others: readonly Paper[] = []): Promise<SwarmPreparations> => {
  const inSwarm = [...papers, ...others].filter(paper => paper !== undefined && paper.nodeId !== '') as readonly Paper[]
  const daemons = await Promise.all(
    papers.map(async paper => {
      const socket = join(directory, `${servers.length}-${papers.indexOf(paper)}.sock`)
      if (paper !== undefined) await listen(socket, paper, inSwarm)
      return { address: `unix://${socket}` }
    }),
  )
  return new SwarmPreparations({ owner: 'o', daemons, clock: systemClock })
}

const listen = async (socket: string, { nodeId, isManager = false, images = {} }: Paper, nodes: readonly Paper[]): Promise<void> => {
  const server = createServer((request, answer) => {
    const path = (request.url ?? '').replace(/^\/v[\d.]+/, '')
    const image = /^\/images\/(.+)\/json$/.exec(path)?.[1]
    const body =
      path === '/info'
        ? { Swarm: { NodeID: nodeId, NodeAddr: '10.0.0.7', ControlAvailable: isManager } }
        : path === '/nodes' && isManager
          ? nodesOf(nodes)
          : image !== undefined && images[image] !== undefined
            ? { Id: images[image] }
            : undefined
    answer.writeHead(path === '/_ping' || body !== undefined ? 200 : 404, { 'api-version': '1.41', 'content-type': 'application/json' })
    answer.end(JSON.stringify(body ?? { message: 'not here' }))
  })
  servers.push(server)
  await new Promise<void>(resolve => server.listen(socket, resolve))
}

const manager = { nodeId: 'n1', isManager: true }
const here = { nodeId: 'n1', address: '10.0.0.7' }
const rows: readonly (readonly [what: string, papers: readonly (Paper | undefined)[], others: readonly Paper[], found: object])[] = [
  ['nobody answers', [undefined], [], { kind: 'silent' }],
  ['nobody is in a Swarm', [{ nodeId: '' }], [], { kind: 'none' }],
  ['nobody is in a Swarm who answers', [{ nodeId: '' }, undefined], [], { kind: 'silent' }],
  ['there are workers only', [{ nodeId: 'n2' }], [manager], { kind: 'no-manager' }],
  ['there are workers only who answer', [{ nodeId: 'n2' }, undefined], [manager], { kind: 'silent' }],
  ['one manager is the Swarm', [manager], [], { kind: 'found', here, unreached: [], hosts: 1 }],
  ['all are reached', [{ nodeId: 'n2' }, manager], [], { kind: 'found', here: { ...here, nodeId: 'n2' }, unreached: [], hosts: 2 }],
  ['one is not reached', [manager, undefined], [{ nodeId: 'n3' }], { kind: 'found', here, unreached: ['host-n3'], hosts: 2 }],
]
for (const [what, papers, others, found] of rows)
  test(`where ${what}, that is found`, async () => {
    await using preparations = await prepared(papers, others)
    assert.deepEqual(await preparations.find(never), found)
  })

test('of an image that was brought it is known which id it has, and on which nodes', async () => {
  const images = { [IMAGE]: ID }
  await using preparations = await prepared([{ ...manager, images }, { nodeId: 'n2', images }, undefined], [{ nodeId: 'n4' }])
  assert.equal(preparations.brought(IMAGE), undefined)
  assert.equal(await preparations.has(IMAGE, never), true)
  assert.deepEqual(preparations.brought(IMAGE), { id: ID, nodes: new Set(['n1', 'n2']) })
  assert.equal(await preparations.has('other:1', never), false)
  assert.equal(preparations.brought('other:1'), undefined)
})

test('an image that has another id on each node is refused, with what to do', async () => {
  const other = `sha256:${'b'.repeat(64)}`
  await using preparations = await prepared([
    { ...manager, images: { [IMAGE]: ID } },
    { nodeId: 'n2', images: { [IMAGE]: other } },
  ])
  await assert.rejects(
    preparations.has(IMAGE, never),
    cause => cause instanceof EngineError && !cause.retryable && /engine\.images/.test(cause.reason.mend ?? ''),
  )
})
