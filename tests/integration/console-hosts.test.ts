/** The page of a host in a real Chromium, against the seeded fleet. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { SMALL_SIZE } from '../../console/dev/seeded-fleet.ts'
import { ensureConsole } from '../../scripts/build-console.ts'
import { launchBrowser } from '../support/browser.ts'
import { EMPTY_FLEET, type Story, visitFleet } from '../support/console-visit.ts'

let browser: Browser
let dist: string

const asViewer = async (page: Page): Promise<void> => {
  await page.route('**/api/v1/me', route =>
    route.fulfill({ json: { name: 'bob', role: 'viewer', permissions: ['controller:read', 'host:read'] } }),
  )
}

const visit = (path: string, story: Story): Promise<void> => visitFleet({ browser, dist }, SMALL_SIZE, path, story)

describe('the page of a host', () => {
  before(async () => {
    dist = await ensureConsole({ root: join(import.meta.dirname, '../..'), say: () => {} })
    browser = await launchBrowser()
  })
  after(() => browser.close())

  test('it lists what runs there, each a link away', () =>
    visit('/hosts', async (page, { fleet }) => {
      await page.getByRole('link', { name: 'host-01', exact: true }).click()
      await page.getByRole('heading', { name: 'host-01' }).waitFor()
      const there = [...fleet.controllers.values()].filter(({ host, phase }) => host === 'host-01' && phase === 'ready')
      for (const { id } of there) await page.locator(`a[href="/controllers/${id}"]`).first().waitFor()
      const agent = [...fleet.agents.values()].find(({ host, phase }) => host === 'host-01' && phase === 'busy')
      assert.ok(agent, 'the seed has a build there')
      await page.locator(`a[href="/agents/${agent.id}"]`).waitFor()
    }))

  test('it is drained with a deadline, shows what it waits for, and is put back', () =>
    visit('/hosts/host-01', async (page, server) => {
      await page.getByLabel('Deadline of a drain').fill('soon')
      await page.getByText('"soon" is no number of minutes').waitFor()
      await page.getByRole('button', { name: 'Drain' }).click()
      assert.deepEqual(server.requests, [])
      await page.getByLabel('Deadline of a drain').fill('30')
      await page.getByText('./manor host drain host-01 --deadline 30m', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Drain' }).click()
      await page.getByText('It is being emptied.', { exact: true }).waitFor()
      const host = server.fleet.hosts.get('host-01')
      assert.ok(host)
      const reason = { code: 'draining' as const, message: 'It waits for 2 builds to end.', since: 1 }
      server.change({ kind: 'host', id: 'host-01', view: { ...host, reason } })
      await page.getByText('It waits for 2 builds to end.').waitFor()
      await page.getByRole('button', { name: 'Put back' }).click()
      await page.getByRole('button', { name: 'Put back', disabled: true }).waitFor()
      assert.deepEqual(server.requests, [
        'POST /hosts/host-01/actions {"action":"drain","deadlineMs":1800000}',
        'POST /hosts/host-01/actions {"action":"uncordon"}',
      ])
    }))

  test('what it is for is chosen there', () =>
    visit('/hosts/host-01', async (page, server) => {
      await page.getByLabel('Takes').selectOption('builds')
      await page.locator('.tag', { hasText: 'only builds' }).waitFor()
      await page.getByLabel('Of', { exact: true }).selectOption('payments')
      await page.locator('.tag', { hasText: 'only payments' }).waitFor()
      assert.deepEqual(server.requests, ['PATCH /hosts/host-01 {"role":"builds"}', 'PATCH /hosts/host-01 {"reservedFor":"payments"}'])
    }))

  test('whoever may not change it is offered no way to', () =>
    visitFleet(
      { browser, dist },
      SMALL_SIZE,
      '/hosts/host-01',
      async page => {
        await page.getByRole('heading', { name: 'host-01' }).waitFor()
        assert.equal(await page.getByRole('button', { name: 'Drain' }).count(), 0)
      },
      { prepare: asViewer },
    ))

  test('one that is not there says so, and leads back', () =>
    visitFleet({ browser, dist }, EMPTY_FLEET, '/hosts/nowhere', async page => {
      await page.getByText('There is no host named nowhere').waitFor()
      await page.getByRole('link', { name: 'To the hosts' }).click()
      await page.getByText('./manor host list', { exact: true }).waitFor()
    }))
})
