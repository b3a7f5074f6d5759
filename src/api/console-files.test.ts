import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CONSOLE_HOST, FLEET_HOST, TestApi } from './testing.ts'

const ON_CONSOLE = { headers: { host: CONSOLE_HOST } }

const openBuilt = async () => {
  const root = await mkdtemp(join(tmpdir(), 'manor-console-'))
  const directory = join(root, 'dist')
  await mkdir(join(directory, 'assets'), { recursive: true })
  await writeFile(join(root, 'outside.txt'), 'outside')
  await writeFile(join(directory, '.hidden'), 'hidden')
  await writeFile(join(directory, 'index.html'), '<title>console</title>')
  await writeFile(join(directory, 'favicon.svg'), '<svg/>')
  await writeFile(join(directory, 'assets', 'main-abc123.js'), 'run()')
  const api = await TestApi.open({ consoleDirectory: directory })
  return {
    api,
    [Symbol.asyncDispose]: async () => {
      await api[Symbol.asyncDispose]()
      await rm(root, { recursive: true })
    },
  }
}

test('the console’s page answers at its root and at its deep links, fresh each time and with a strict policy', async () => {
  await using built = await openBuilt()
  for (const path of [
    '/',
    '/controllers',
    '/controllers/team-a',
    '/agents?x=1',
    '/queue',
    '/hosts',
    '/events',
    '/templates',
    '/tenants',
    '/tokens',
  ]) {
    const answer = await built.api.request('GET', path, ON_CONSOLE)
    assert.equal(answer.status, 200, path)
    assert.equal(answer.text, '<title>console</title>')
    assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8')
    assert.equal(answer.headers['cache-control'], 'no-cache')
    assert.match(String(answer.headers['content-security-policy']), /script-src 'self';.*frame-ancestors 'none'/)
  }
})

test('files that are named after their content may be kept for ever', async () => {
  await using built = await openBuilt()
  const script = await built.api.request('GET', '/assets/main-abc123.js', ON_CONSOLE)
  assert.deepEqual(
    [script.status, script.text, script.headers['content-type'], script.headers['cache-control']],
    [200, 'run()', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
  )
  const icon = await built.api.request('GET', '/favicon.svg', ON_CONSOLE)
  assert.deepEqual([icon.status, icon.headers['content-type'], icon.headers['cache-control']], [200, 'image/svg+xml', 'no-cache'])
})

test('nothing outside the directory, hidden or missing is served', async () => {
  await using built = await openBuilt()
  for (const path of [
    '/../outside.txt',
    '/%2e%2e/outside.txt',
    '/..%2foutside.txt',
    '/assets/..%2f..%2foutside.txt',
    '/assets/%2e%2e/%2e%2e/outside.txt',
    '/.hidden',
    '/%2ehidden',
    '/assets',
    '/assets/',
    '/assets/missing.js',
    '/a%00b',
    '/nope',
  ]) {
    const answer = await built.api.request('GET', path, ON_CONSOLE)
    assert.equal(answer.status, 404, path)
    assert.doesNotMatch(answer.text, /outside"|hidden"/)
  }
})

test('on the fleet’s own address there are no pages of the console, a browser is sent to its host', async () => {
  await using built = await openBuilt()
  for (const path of ['/', '/console', '/console/']) {
    const answer = await built.api.request('GET', path, { headers: { host: FLEET_HOST } })
    assert.deepEqual([answer.status, answer.headers.location], [302, `http://${CONSOLE_HOST}/`], path)
  }
  for (const path of ['/assets/main-abc123.js', '/controllers', '/favicon.svg'])
    assert.equal((await built.api.request('GET', path)).status, 404, path)
})

test('where it is not built, a plain page says how to build it', async () => {
  await using api = await TestApi.open()
  const answer = await api.request('GET', '/', ON_CONSOLE)
  assert.equal(answer.status, 503)
  assert.match(answer.text, /<code>node scripts\/build-console\.ts<\/code>/)
  assert.match(String(answer.headers['content-security-policy']), /default-src 'none'; style-src 'sha256-/)
})
