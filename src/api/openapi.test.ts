import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { OPENAPI_FILE, renderOpenApi } from '../../scripts/openapi.ts'
import { TestApi } from './testing.ts'

test('the checked-in document is the one that the routes make', async () => {
  const checkedIn = await readFile(OPENAPI_FILE, 'utf8').catch(() => '')
  assert.ok(
    checkedIn === (await renderOpenApi()),
    'docs/openapi.json is not what the routes say: run "node scripts/openapi.ts" and commit it.',
  )
})

test('it is served, and every reference in it leads somewhere', async () => {
  await using api = await TestApi.open()
  const answer = await api.request<{ openapi: string; components: { schemas: Record<string, unknown> } }>('GET', '/api/openapi.json')
  assert.equal(answer.status, 200)
  assert.equal(answer.body.openapi, '3.1.0')
  const names = [...answer.text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name = '']) => name)
  assert.ok(names.length > 50)
  for (const name of names) assert.ok(name in answer.body.components.schemas, name)
})
