import assert from 'node:assert/strict'
import type { Browser, Page } from 'playwright-core'
import { type FixtureServer, startFixtureServer } from '../../console/dev/fixture-server.ts'
import type { FleetSize } from '../../console/dev/seeded-fleet.ts'
import { seededRandom, systemClock } from '../../src/runtime/index.ts'
import { openPage, type PageOptions } from './browser.ts'

export const EMPTY_FLEET: FleetSize = { controllers: 0, tenants: 0, agents: 0, hosts: 0 }
const SEED = 7

/** A server of a seeded fleet, with the built console of `dist`. */
export const serveFleet = (size: FleetSize, dist: string): Promise<FixtureServer> =>
  startFixtureServer({ clock: systemClock, random: seededRandom(SEED), size, dist })

export type VisitOptions = PageOptions & {
  /** What Chromium itself says of an answer or a break that the story is about. */
  readonly expected?: RegExp
  /** Before the page is opened: routes that answer otherwise. */
  readonly prepare?: (page: Page) => Promise<void>
}

export type Story = (page: Page, server: FixtureServer) => Promise<void>

/** Runs a story on one page of a server of its own; a page that complained in its console fails it. */
export const visitFleet = async (
  { browser, dist }: { readonly browser: Browser; readonly dist: string },
  size: FleetSize,
  path: string,
  story: Story,
  { expected, prepare, ...options }: VisitOptions = {},
): Promise<void> => {
  const server = await serveFleet(size, dist)
  const { page, complaints } = await openPage(browser, options)
  try {
    await prepare?.(page)
    await page.goto(server.url + path)
    await page.locator('.link-state.is-live').waitFor()
    await story(page, server)
    assert.deepEqual(
      complaints.filter(complaint => expected?.test(complaint) !== true),
      [],
    )
  } finally {
    await page.context().close()
    await server.stop()
  }
}
