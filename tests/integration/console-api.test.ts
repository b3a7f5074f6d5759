/** The built console in a real Chromium, served by the API itself over a real store: signed in by a link, under its policy, on its host. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { ensureConsole } from '../../scripts/build-console.ts'
import type { SignInLink } from '../../src/api/contract.ts'
import { aController, aHost, anAgent, TestApi } from '../../src/api/testing.ts'
import type { PersonRole } from '../../src/identity/index.ts'
import { tenantId } from '../../src/model/index.ts'
import { launchBrowser, openPage } from '../support/browser.ts'
import { waitFor } from '../support/wait.ts'

let browser: Browser
let dist: string

/** Signs a browser in and runs a story; what its console complained about fails it, but for what Chromium says of refused requests. */
const signedIn = async (story: (page: Page, api: TestApi, origin: string) => Promise<void>, role: PersonRole = 'admin'): Promise<void> => {
  await using api = await TestApi.open({ consoleDirectory: dist })
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = api.app.server.address() as AddressInfo
  const origin = `http://manor.localhost:${port}`
  const { page, complaints } = await openPage(browser)
  try {
    const link = await api.request<SignInLink>('POST', '/api/v1/sign-in-links', { token: await api.token(role) })
    await page.goto(`${origin}/sign-in${new URL(link.body.url).search}`)
    await page.locator('.link-state.is-live').waitFor()
    await story(page, api, origin)
    assert.deepEqual(
      complaints.filter(complaint => !/status of (400|401|409)|INCOMPLETE_CHUNKED|ERR_CONNECTION/.test(complaint)),
      [],
    )
  } finally {
    await page.context().close()
  }
}

describe('console on the API', () => {
  before(async () => {
    dist = await ensureConsole({ root: join(import.meta.dirname, '../..'), say: () => {} })
    browser = await launchBrowser()
  })
  after(() => browser.close())

  test('a link signs in; a controller that is made shows; a change of its row changes its square', () =>
    signedIn(async (page, api) => {
      await page.getByText('No controller yet').waitFor()
      await page.getByRole('link', { name: 'New controller' }).first().click()
      await page.getByLabel('Name').fill('team-a')
      await page.getByRole('button', { name: 'Create team-a' }).click()
      await page.getByRole('heading', { level: 1, name: 'team-a' }).waitFor()
      await page.getByRole('link', { name: 'Wall' }).click()
      await page.locator('.square.is-pending[data-id="team-a"]').waitFor()
      await api.put('controller', { ...aController('team-a'), phase: 'ready' })
      // The API gathers changes for a moment of its clock, which stands still here until it is moved.
      await api.clock.advance(1_000)
      await page.locator('.square.is-ready[data-id="team-a"]').waitFor()
    }))

  test('what the server refuses stands at its field, in its words', () =>
    signedIn(async page => {
      await page.getByRole('link', { name: 'New controller' }).first().click()
      await page.getByLabel('Name').fill('api')
      await page.getByRole('button', { name: 'Create api' }).click()
      await waitFor(async () => /path of Manor.s own/.test((await page.locator('#new-name-hint').textContent()) ?? ''), {
        what: 'the refusal of a reserved name at its field',
      })
    }))

  test('every page reads what the API gives, and a deep link opens it', () =>
    signedIn(async (page, api, origin) => {
      await api.put('controller', { ...aController('team-a'), phase: 'ready' })
      await api.put('agent', anAgent('a1', 'team-a'))
      for (const [path, heading] of [
        ['/controllers/team-a', 'team-a'],
        ['/agents', 'Agents'],
        ['/queue', 'Queue'],
        ['/hosts', 'Hosts'],
        ['/events', 'Events'],
        ['/tenants', 'Tenants'],
        ['/tenants/default', 'default'],
        ['/console/new-tenant', 'New tenant'],
        ['/templates', 'Templates'],
        ['/console/new-controller', 'New controller'],
      ] as const) {
        await page.goto(origin + path)
        await page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor()
        assert.equal(await page.getByRole('alert').count(), 0, `${path} shows no error`)
      }
    }))

  test('a tenant is made and changed in the store; what is over the hosts stands at its field', () =>
    signedIn(async (page, api, origin) => {
      await api.put('host', aHost('machine', { capacity: { cpu: 8, memoryMb: 16_384, diskMb: 100_000 } }))
      await page.goto(`${origin}/console/new-tenant?name=red`)
      await page.getByLabel('Memory, at most').fill('4g')
      await page.getByRole('button', { name: 'Create red' }).click()
      await page.getByRole('heading', { level: 1, name: 'red', exact: true }).waitFor()
      assert.deepEqual(api.store.get('tenant', 'red')?.quota, { memoryMb: 4_096 })
      await page.getByLabel('Cores, guaranteed').fill('9')
      await page.getByRole('button', { name: 'Save' }).click()
      await page.getByText('the hosts have 8 cores together').waitFor()
      await page.getByLabel('Cores, guaranteed').fill('8')
      await page.getByRole('button', { name: 'Save' }).click()
      await waitFor(() => api.store.get('tenant', 'red')?.guarantee?.cpu === 8, { what: 'the guarantee in the store' })
      await api.put(
        'agent',
        anAgent('a1', 'team-a', { tenant: tenantId('red'), phase: 'busy', resources: { cpu: 2, memoryMb: 1_024, diskMb: 0 } }),
      )
      await api.clock.advance(1_000)
      await page.getByText('2 cores used, 8 cores guaranteed, no cap').first().waitFor()
    }))

  test('an action reaches the store, and one that is illegal by then says so', () =>
    signedIn(async (page, api, origin) => {
      await api.put('controller', { ...aController('team-a'), phase: 'ready' })
      await page.goto(`${origin}/controllers/team-a`)
      await page.getByRole('button', { name: 'Stop', exact: true }).click()
      await waitFor(() => api.store.get('controller', 'team-a')?.wanted === 'stopped', { what: 'the stop in the store' })
    }))

  test('who may only look is shown no button that would be refused', () =>
    signedIn(async (page, api, origin) => {
      await api.put('controller', { ...aController('team-a'), phase: 'ready' })
      await page.goto(`${origin}/controllers/team-a`)
      await page.getByText('Your role may look, not act.').waitFor()
      for (const name of ['Stop', 'Restart', 'Delete']) assert.equal(await page.getByRole('button', { name, exact: true }).count(), 0, name)
      await page.goto(`${origin}/console/new-controller`)
      await page.getByText('Your role may not create controllers').waitFor()
    }, 'viewer'))

  test('without a session, the console says how to get one', async () => {
    await using api = await TestApi.open({ consoleDirectory: dist })
    await api.app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = api.app.server.address() as AddressInfo
    const { page } = await openPage(browser)
    try {
      await page.goto(`http://manor.localhost:${port}/`)
      await page.getByText('You are signed out').waitFor()
    } finally {
      await page.context().close()
    }
  })
})
