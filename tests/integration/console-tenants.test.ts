/** The pages of tenants in a real Chromium, against the seeded fleet, which checks what is asked by the API's own rules. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import type { FixtureServer } from '../../console/dev/fixture-server.ts'
import { type FleetSize, newTenantView, SMALL_SIZE } from '../../console/dev/seeded-fleet.ts'
import { ensureConsole } from '../../scripts/build-console.ts'
import type { TenantView } from '../../src/api/contract.ts'
import { launchBrowser } from '../support/browser.ts'
import { EMPTY_FLEET, type Story, type VisitOptions, visitFleet } from '../support/console-visit.ts'
import { waitFor } from '../support/wait.ts'

let browser: Browser
let dist: string

const asViewer = async (page: Page): Promise<void> => {
  await page.route('**/api/v1/me', route =>
    route.fulfill({ json: { name: 'bob', role: 'viewer', permissions: ['controller:read', 'tenant:read'] } }),
  )
}

const visit = (
  size: FleetSize,
  path: string,
  story: Story,
  { role, ...options }: VisitOptions & { readonly role?: 'viewer' } = {},
): Promise<void> => visitFleet({ browser, dist }, size, path, story, role === undefined ? options : { ...options, prepare: asViewer })

const change = (server: FixtureServer, id: string, changes: Partial<TenantView>): void => {
  const before = server.fleet.tenants.get(id)
  assert.ok(before, `the seed has a tenant ${id}`)
  server.change({ kind: 'tenant', id, view: { ...before, ...changes } })
}

const cores = (cpu: number): TenantView['usedByAgents'] => ({ cpu, memoryMb: 0, diskMb: 0 })

/** How many pixels wide, of a bar's part. */
const widthOf = async (page: Page, selector: string): Promise<number> => (await page.locator(selector).boundingBox())?.width ?? 0

describe('the pages of tenants', () => {
  before(async () => {
    dist = await ensureConsole({ root: join(import.meta.dirname, '../..'), say: () => {} })
    browser = await launchBrowser()
  })
  after(() => browser.close())

  test('each tenant has bars of one scale, which follow what it uses and waits for', () =>
    visit(SMALL_SIZE, '/tenants', async (page, server) => {
      const row = (id: string): string => `tr:has(a[href="/tenants/${id}"]) td:nth-child(2)`
      const waiting = { agents: 0, resources: cores(0) }
      change(server, 'checkout', { usedByAgents: cores(0), waiting, quota: { cpu: 20 } })
      change(server, 'search', { usedByAgents: cores(40), waiting, quota: { cpu: 40 } })
      change(server, 'payments', { usedByAgents: cores(10), waiting, quota: { cpu: 20 }, guarantee: { cpu: 5 } })
      await page.locator(row('payments')).getByText('10', { exact: true }).waitFor()
      await waitFor(async () => (await widthOf(page, `${row('search')} .of-agents`)) > 0, { what: 'its bar is drawn' })
      const [used, other, track] = await Promise.all(
        [`${row('payments')} .of-agents`, `${row('search')} .of-agents`, `${row('checkout')} .track`].map(each => widthOf(page, each)),
      )
      assert.ok(other !== undefined && used !== undefined && track !== undefined)
      assert.ok(Math.abs(used / other - 0.25) < 0.05, `10 of 40 cores: ${used} of ${other} px`)
      assert.ok(Math.abs(track / other - 0.5) < 0.05, `a quota of 20 of 40 cores: ${track} of ${other} px`)
      change(server, 'payments', { waiting: { agents: 5, resources: cores(10) } })
      await page.locator(`${row('payments')} .of-waiting`).waitFor()
      const sentence = await page.locator(`${row('payments')} .visually-hidden`).textContent()
      assert.equal(sentence, '10 cores used, 10 cores waited for, 5 cores guaranteed, at most 20 cores')
    }))

  test('a row leads to the page of its tenant, which can be linked and which tells of changes', () =>
    visit(SMALL_SIZE, '/tenants', async (page, server) => {
      await page.getByRole('link', { name: 'payments' }).click()
      await page.getByRole('heading', { level: 1, name: 'payments' }).waitFor()
      assert.equal(new URL(page.url()).pathname, '/tenants/payments')
      await page.reload()
      await page.getByRole('heading', { level: 1, name: 'payments' }).waitFor()
      const note = 'The guarantees of all tenants together are more than the hosts have.'
      change(server, 'payments', { notes: [note], queued: 4_321 })
      await page.getByText(note).waitFor()
      await page.getByRole('link', { name: '4,321 items' }).waitFor()
      server.change({ kind: 'tenant', id: 'payments', view: null })
      await page.getByRole('heading', { level: 1, name: 'There is no tenant named payments' }).waitFor()
    }))

  test('a tenant is changed: only what was touched is asked, beside the command that does the same', () =>
    visit(SMALL_SIZE, '/tenants/checkout', async (page, server) => {
      const save = page.getByRole('button', { name: 'Save' })
      await save.waitFor()
      assert.ok(await save.isDisabled(), 'nothing was touched')
      await page.getByLabel('Weight').fill('0')
      await page.getByText('"0" is no weight').waitFor()
      await page.getByLabel('Weight').fill('5')
      await page.getByLabel('Memory, at most').fill('4g')
      await page.getByText('./manor tenant weight checkout 5', { exact: true }).waitFor()
      await page.getByText('./manor tenant quota checkout --memory 4g', { exact: true }).waitFor()
      // Somebody else changes what was not touched: the form follows, and does not take it back.
      change(server, 'checkout', { guarantee: { cpu: 1 } })
      await waitFor(async () => (await page.getByLabel('Cores, guaranteed').inputValue()) === '1', { what: 'the form follows' })
      await save.click()
      await page.getByText('checkout is changed').waitFor()
      assert.deepEqual(server.requests, ['PATCH /tenants/checkout {"weight":5,"quota":{"memoryMb":4096}}'])
      assert.ok(await save.isDisabled())
    }))

  test('what the API refuses stands at its field', () =>
    visit(
      SMALL_SIZE,
      '/tenants/checkout',
      async page => {
        const field = page.getByLabel('Cores, guaranteed')
        await field.fill('9000')
        await page.getByRole('button', { name: 'Save' }).click()
        await page.getByText('the hosts have 64 cores together').waitFor()
        assert.equal(await field.getAttribute('aria-invalid'), 'true')
        await page.getByRole('button', { name: 'As it was' }).click()
        assert.equal(await field.getAttribute('aria-invalid'), 'false')
      },
      { expected: /status of 400/ },
    ))

  test('a tenant is made; what is wrong stands at its field', () =>
    visit(SMALL_SIZE, '/tenants', async (page, server) => {
      await page.getByRole('link', { name: 'New tenant' }).click()
      await page.getByLabel('Name').fill('payments')
      await page.getByText('There is a tenant named payments already').waitFor()
      await page.getByLabel('Name').fill('night')
      await page.getByLabel('Cores, at most').fill('8')
      await page.getByLabel('Its agents may be stopped').check()
      await page.getByText('./manor tenant create night --cpu-quota 8 --preemptible yes', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Create night' }).click()
      await page.getByRole('heading', { level: 1, name: 'night' }).waitFor()
      assert.deepEqual(server.requests, ['POST /tenants {"name":"night","quota":{"cpu":8},"policy":{"preemptible":true}}'])
    }))

  test('deleting asks twice; one that still has something is kept, and what it has is said', () =>
    visit(
      SMALL_SIZE,
      '/tenants/checkout',
      async (page, server) => {
        await page.getByRole('button', { name: 'Delete', exact: true }).click()
        await page.getByRole('button', { name: 'Keep it' }).click()
        assert.deepEqual(server.requests, [])
        await page.getByRole('button', { name: 'Delete', exact: true }).click()
        await page.getByRole('button', { name: 'Delete checkout' }).click()
        await page.getByText('Tenant checkout still has 8 controllers').waitFor()
        server.change({ kind: 'tenant', id: 'idle', view: newTenantView('idle', 0) })
        await page.goto(`${server.url}/tenants/idle`)
        await page.getByRole('button', { name: 'Delete', exact: true }).click()
        await page.getByRole('button', { name: 'Delete idle' }).click()
        await page.getByRole('heading', { level: 1, name: 'Tenants' }).waitFor()
        await page.getByRole('link', { name: 'idle' }).waitFor({ state: 'detached' })
      },
      { expected: /status of 409/ },
    ))

  test('who may not write sees the shares and no form', () =>
    visit(
      SMALL_SIZE,
      '/tenants/checkout',
      async (page, { url }) => {
        await page.getByRole('heading', { name: 'Shares' }).waitFor()
        for (const name of ['Save', 'Delete']) assert.equal(await page.getByRole('button', { name }).count(), 0, name)
        await page.goto(`${url}/tenants`)
        await page.locator('tbody a').first().waitFor()
        assert.equal(await page.getByRole('link', { name: 'New tenant' }).count(), 0)
        await page.goto(`${url}/console/new-tenant`)
        await page.getByRole('heading', { level: 1, name: 'Your role may not create tenants' }).waitFor()
      },
      { role: 'viewer' },
    ))

  test('where there is no tenant, and where there is one, the page teaches', () =>
    visit(EMPTY_FLEET, '/tenants', async (page, server) => {
      await page.getByText('A controller cannot be made without one.').waitFor()
      await page.getByText('./manor tenant create payments --weight 2', { exact: true }).waitFor()
      server.change({ kind: 'tenant', id: 'default', view: newTenantView('default', 0) })
      await page.getByText('One tenant shares with nobody').waitFor()
      server.change({ kind: 'tenant', id: 'second', view: newTenantView('second', 0) })
      await page.getByText('One tenant shares with nobody').waitFor({ state: 'detached' })
    }))

  test('the palette goes to a tenant', () =>
    visit(SMALL_SIZE, '/', async page => {
      await page.locator('.square').first().waitFor()
      await page.keyboard.press('Control+k')
      await page.locator('[role=combobox]:focus').waitFor()
      await page.keyboard.type('checkout tenant')
      await page.getByRole('option', { name: 'checkout tenant', exact: true }).waitFor()
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: 'checkout', exact: true }).waitFor()
    }))
})
