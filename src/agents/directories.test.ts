import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { agentId, controllerId } from '../model/index.ts'
import { createAgentDirectories } from './directories.ts'

const { signal } = new AbortController()
const TEAM_A = { id: controllerId('team-a'), createdAt: 1_000 }

const inDirectory = async (work: (workRoot: string, jarCaches: string) => Promise<void>): Promise<void> => {
  const root = await mkdtemp(join(tmpdir(), 'manor-agents-'))
  try {
    await work(join(root, 'work'), join(root, 'jars'))
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

test('work directories are made, listed and removed, each as often as one likes; the jar cache of a controller stays', () =>
  inDirectory(async (workRoot, jarCaches) => {
    const directories = createAgentDirectories({ workRoot, jarCaches, ownerOf: () => undefined })
    const id = agentId('team-a-1-1-abcde')
    assert.deepEqual(await directories.list(signal), [])
    const cache = join(jarCaches, 'team-a.1000')
    for (let i = 0; i < 2; i++) assert.deepEqual(await directories.prepare(id, TEAM_A, signal), { jarCache: cache })
    assert.equal((await stat(directories.workDirectory(id))).mode & 0o777, 0o750)
    await writeFile(join(directories.workDirectory(id), 'file'), 'of a build')
    assert.deepEqual(await directories.list(signal), [id])
    for (let i = 0; i < 2; i++) await directories.remove(id, signal)
    assert.deepEqual(await directories.list(signal), [])
    assert.ok((await stat(cache)).isDirectory())
  }))

test('controllers share no jars, one that was deleted and one that has its name now among them', () =>
  inDirectory(async (workRoot, jarCaches) => {
    const directories = createAgentDirectories({ workRoot, jarCaches, ownerOf: () => undefined })
    await directories.sweepJarCaches(() => false, signal)
    const controllers = [TEAM_A, { ...TEAM_A, createdAt: 2_000 }, { ...TEAM_A, id: controllerId('team-b') }]
    const prepared = controllers.map((controller, i) => directories.prepare(agentId(`agent-${i}`), controller, signal))
    assert.equal(new Set((await Promise.all(prepared)).map(({ jarCache }) => jarCache)).size, controllers.length)
    await directories.sweepJarCaches((id, createdAt) => id !== 'team-a' || createdAt === 2_000, signal)
    assert.deepEqual((await readdir(jarCaches)).toSorted(), ['team-a.2000', 'team-b.1000'])
  }))
