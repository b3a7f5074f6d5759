import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { agentId, tenantId } from '../model/index.ts'
import { createAgentDirectories } from './directories.ts'

test('work directories are made, listed and removed, each as often as one likes; the jar cache of a team stays', async () => {
  const root = await mkdtemp(join(tmpdir(), 'manor-agents-'))
  try {
    const { signal } = new AbortController()
    const [workRoot, jarCaches] = [join(root, 'work'), join(root, 'jars')]
    const directories = createAgentDirectories({ workRoot, jarCaches, ownerOf: () => undefined })
    const id = agentId('team-a-1-1-abcde')
    assert.deepEqual(await directories.list(signal), [])
    for (let i = 0; i < 2; i++) assert.deepEqual(await directories.prepare(id, tenantId('t'), signal), { jarCache: join(jarCaches, 't') })
    assert.equal((await stat(directories.workDirectory(id))).mode & 0o777, 0o750)
    await writeFile(join(directories.workDirectory(id), 'file'), 'of a build')
    assert.deepEqual(await directories.list(signal), [id])
    for (let i = 0; i < 2; i++) await directories.remove(id, signal)
    assert.deepEqual(await directories.list(signal), [])
    assert.ok((await stat(join(jarCaches, 't'))).isDirectory())
  } finally {
    await rm(root, { recursive: true, force: true })
  }
})
