import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hashOfSources } from './build-console.ts'

test('the hash follows sources, shared rooms and the lock, not tests, fixtures or what was built', async () => {
  const root = await mkdtemp(join(tmpdir(), 'manor-build-'))
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(join(root, path, '..'), { recursive: true })
    await writeFile(join(root, path), text)
  }
  try {
    await write('console/src/main.tsx', '1')
    await write('package-lock.json', '{}')
    const first = await hashOfSources(root)
    for (const path of ['console/src/lib/a.test.ts', 'console/dist/index.html', 'console/dev/server.ts', 'src/store/x.ts']) {
      await write(path, 'x')
      assert.equal(await hashOfSources(root), first, `${path} does not matter`)
    }
    const seen = new Set([first])
    for (const [path, text] of [
      ['console/src/main.tsx', '2'],
      ['console/src/styles/a.css', 'a{}'],
      ['console/index.html', '<html>'],
      ['package-lock.json', '{"a":1}'],
      ['src/model/ids.ts', 'x'],
    ] as const) {
      await write(path, text)
      const hash = await hashOfSources(root)
      assert.ok(!seen.has(hash), `${path} matters`)
      seen.add(hash)
    }
  } finally {
    await rm(root, { recursive: true })
  }
})
