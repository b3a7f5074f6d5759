/**
 * The built console in a real Chromium, against a seeded fleet of 2,000 controllers and 8,000 agents that answers as the API does.
 * console-api.test.ts holds it against the API itself.
 */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import type { FixtureServer } from '../../console/dev/fixture-server.ts'
import { type FleetSize, FULL_SIZE, SMALL_SIZE } from '../../console/dev/seeded-fleet.ts'
import { moveController } from '../../console/dev/stir.ts'
import { ensureConsole } from '../../scripts/build-console.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { launchBrowser, openPage } from '../support/browser.ts'
import { EMPTY_FLEET, type Story, serveFleet, type VisitOptions, visitFleet } from '../support/console-visit.ts'
import { waitFor } from '../support/wait.ts'

const PAGES = [
  '/',
  '/queue',
  '/agents',
  '/hosts',
  '/hosts/host-06',
  '/events',
  '/tenants',
  '/tenants/payments',
  '/templates',
  '/console/new-controller',
  '/console/new-tenant',
  '/?view=list',
]
/** Of scripts and styles together, as they go over the wire. */
const MAX_BUNDLE_BYTES = 120_000

let browser: Browser
let dist: string
/** Where pictures of every page go: a directory that is kept where MANOR_PICTURES names one, as for the README's. */
let pictures: string
const keptPictures = process.env.MANOR_PICTURES

const serve = (size: FleetSize): Promise<FixtureServer> => serveFleet(size, dist)

const visit = (size: FleetSize, path: string, story: Story, options: VisitOptions = {}): Promise<void> =>
  visitFleet({ browser, dist }, size, path, story, options)

const inPhase = (server: FixtureServer, phase: string) => {
  const found = [...server.fleet.controllers.values()].find(controller => controller.phase === phase)
  assert.ok(found, `the seed has a controller that is ${phase}`)
  return found
}

describe('console', () => {
  before(async () => {
    dist = await ensureConsole({ root: join(import.meta.dirname, '../..'), say: () => {} })
    browser = await launchBrowser()
    pictures = keptPictures ?? (await mkdtemp(join(tmpdir(), 'manor-pictures-')))
    await mkdir(pictures, { recursive: true })
  })
  after(async () => {
    await browser.close()
    if (keptPictures === undefined) await rm(pictures, { recursive: true })
  })

  test('the wall has one square a controller, each with the shape of its state', () =>
    visit(FULL_SIZE, '/', async (page, { fleet }) => {
      await page.locator('.square').first().waitFor()
      assert.equal(await page.locator('.square').count(), 2_000)
      const counts = Map.groupBy(fleet.controllers.values(), ({ phase }) => phase)
      for (const [phase, members] of counts) assert.equal(await page.locator(`.square.is-${phase}`).count(), members.length, phase)
      const failed = counts.get('failed')?.[0]
      assert.equal(await page.locator(`.square[data-id="${failed?.id}"]`).getAttribute('aria-label'), `${failed?.id}, failed`)
    }))

  test('a change over the stream changes its square, and no other element of the wall', () =>
    visit(FULL_SIZE, '/', async (page, server) => {
      const controller = inPhase(server, 'starting')
      const square = page.locator(`.square[data-id="${controller.id}"]`)
      await square.waitFor()
      const watched = page.evaluate(WATCH_WALL)
      // The first of the two waits until the observer is there: a page runs one script at a time.
      await page.evaluate('1')
      server.change({ kind: 'controller', id: controller.id, view: moveController(controller, 'ready', systemClock.now()) })
      const touched = (await watched) as string[]
      assert.deepEqual([...new Set(touched)], [controller.id])
      assert.match((await square.getAttribute('class')) ?? '', /is-ready/)
      assert.equal(
        await page.locator('.square.is-starting').count(),
        [...server.fleet.controllers.values()].filter(({ phase }) => phase === 'starting').length,
      )
    }))

  test('a controller that is made shows on the wall, one that is gone leaves it', () =>
    visit(SMALL_SIZE, '/', async (page, server) => {
      const [known] = server.fleet.controllers.values()
      assert.ok(known)
      server.change({ kind: 'controller', id: 'brand-new', view: { ...known, id: 'brand-new' } })
      await page.locator('.square[data-id="brand-new"]').waitFor()
      server.change({ kind: 'controller', id: known.id, view: null })
      await page.locator(`.square[data-id="${known.id}"]`).waitFor({ state: 'detached' })
    }))

  test('arrow keys walk the wall, a card tells, Enter opens, and Back returns', () =>
    visit(FULL_SIZE, '/', async page => {
      const focused = page.locator('.square:focus')
      await page.locator('.square[tabindex="0"]').focus()
      const first = await focused.getAttribute('data-id')
      await page.keyboard.press('ArrowRight')
      const second = await focused.getAttribute('data-id')
      await page.keyboard.press('ArrowDown')
      const third = await focused.getAttribute('data-id')
      assert.equal(new Set([first, second, third]).size, 3)
      await page.locator('.square-card', { hasText: third ?? '' }).waitFor()
      assert.equal(await page.locator('.square[tabindex="0"]').count(), 1, 'one square is in the tab order')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: third ?? '' }).waitFor()
      assert.equal(new URL(page.url()).pathname, `/controllers/${third}`)
      await page.goBack()
      await page.locator('.square').first().waitFor()
    }))

  test('the filter is reached by a slash and lives in the address', () =>
    visit(FULL_SIZE, '/', async (page, { url, fleet }) => {
      await page.locator('.square').first().waitFor()
      await page.keyboard.press('/')
      await page.keyboard.type('tenant:payments')
      await waitFor(async () => (await page.locator('.square').count()) === 50, { what: 'only the squares of one tenant' })
      await page.getByRole('button', { name: /^stopped/ }).click()
      assert.equal(new URL(page.url()).search, '?q=tenant%3Apayments&phase=stopped')
      const expected = [...fleet.controllers.values()].filter(({ tenant, phase }) => tenant === 'payments' && phase === 'stopped').length
      await waitFor(async () => (await page.locator('.square').count()) === expected, { what: 'only those that are stopped' })
      await page.goto(`${url}/?q=payments-api&phase=nonsense`)
      await page.locator('.square').first().waitFor()
      assert.equal(await page.getByRole('searchbox').inputValue(), 'payments-api')
    }))

  test('long tables draw what is seen, and the keyboard reaches the rest', () =>
    visit(FULL_SIZE, '/agents', async (page, { fleet }) => {
      await page.locator('tbody tr').first().waitFor()
      assert.ok((await page.locator('tbody tr').count()) < 80)
      assert.equal(await page.locator('table').getAttribute('aria-rowcount'), String(fleet.agents.size + 1))
      await page.locator('tbody a').first().focus()
      await page.keyboard.press('End')
      await page.locator(`tr[aria-rowindex="${fleet.agents.size + 1}"] a:focus`).waitFor()
      await page.keyboard.press('Home')
      await page.locator('tr[aria-rowindex="2"] a:focus').waitFor()
    }))

  test('actions that are legal are buttons that ask the API; one that came too late says what is allowed', () =>
    visit(
      SMALL_SIZE,
      '/',
      async (page, server) => {
        const { id } = inPhase(server, 'ready')
        await page.locator(`.square[data-id="${id}"]`).click()
        const actions = page.locator('.page-head .buttons button:not(.copy)')
        await actions.first().waitFor()
        assert.deepEqual(await actions.allTextContents(), ['Stop', 'Restart', 'Delete'])
        server.refuseNextAction()
        await page.getByRole('button', { name: 'Restart' }).click()
        await page.getByRole('alert').filter({ hasText: 'allowed: stop, restart, delete' }).waitFor()
        await page.getByRole('button', { name: 'Stop', exact: true }).click()
        await waitFor(() => server.requests.includes(`POST /controllers/${id}/actions {"action":"stop"}`), { what: 'the request to stop' })
        await waitFor(async () => (await actions.allTextContents()).join() === 'Start,Delete', { what: 'the actions of the new phase' })
        const open = page.getByRole('link', { name: 'Open' })
        assert.deepEqual([await open.getAttribute('target'), await open.getAttribute('rel')], ['_blank', 'noopener'])
      },
      { expected: /status of 409/ },
    ))

  test('deleting takes the name', () =>
    visit(SMALL_SIZE, '/', async (page, server) => {
      const { id } = inPhase(server, 'ready')
      await page.locator(`.square[data-id="${id}"]`).click()
      await page.getByRole('button', { name: 'Delete' }).click()
      const confirm = page.getByRole('button', { name: `Delete ${id}` })
      assert.ok(await confirm.isDisabled())
      await page.getByLabel('Type its name').fill(id)
      await confirm.click()
      await waitFor(() => server.requests.includes(`POST /controllers/${id}/actions {"action":"delete"}`), {
        what: 'the request to delete',
      })
    }))

  test('the palette goes to a controller and runs an action', () =>
    visit(SMALL_SIZE, '/', async (page, server) => {
      const { id } = inPhase(server, 'ready')
      await page.locator('.square').first().waitFor()
      await page.keyboard.press('Control+k')
      await page.locator('[role=combobox]:focus').waitFor()
      await page.keyboard.type(`stop ${id}`)
      await page
        .getByRole('option', { name: `Stop ${id}` })
        .first()
        .waitFor()
      await page.keyboard.press('Enter')
      await waitFor(() => server.requests.includes(`POST /controllers/${id}/actions {"action":"stop"}`), { what: 'the request to stop' })
      await page.keyboard.press('Control+k')
      await page.locator('[role=combobox]:focus').waitFor()
      await page.keyboard.type('queue')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: 'Queue' }).waitFor()
    }))

  test('a controller is made; what is wrong stands at its field', () =>
    visit(SMALL_SIZE, '/console/new-controller', async (page, server) => {
      const name = page.getByLabel('Name')
      await name.fill('Team_A')
      await page.getByText('is not a DNS label').waitFor()
      assert.equal(await name.getAttribute('aria-invalid'), 'true')
      await name.fill('team-a')
      await page.getByLabel('Memory').fill('1g')
      await page.getByText('./manor controller create team-a --memory 1g').waitFor()
      await page.getByRole('button', { name: 'Create team-a' }).click()
      await page.getByRole('heading', { level: 1, name: 'team-a' }).waitFor()
      assert.deepEqual(server.requests, ['POST /controllers {"name":"team-a","tenant":"default","memoryMb":1024}'])
    }))

  test('a stream that is lost is said, and what was missed is caught up', () =>
    visit(
      SMALL_SIZE,
      '/',
      async (page, server) => {
        const controller = inPhase(server, 'ready')
        await page.locator('.square').first().waitFor()
        server.dropStreams(true)
        await page.getByText('The connection to Manor is lost.').waitFor()
        server.change({ kind: 'controller', id: controller.id, view: moveController(controller, 'failed', systemClock.now()) })
        server.dropStreams(false)
        await page.locator(`.square.is-failed[data-id="${controller.id}"]`).waitFor()
        await page.locator('.link-state.is-live').waitFor()
        await page.getByText('The connection to Manor is lost.').waitFor({ state: 'detached' })
      },
      { expected: /INCOMPLETE_CHUNKED|status of 503/ },
    ))

  test('a stream that is refused from the start leaves what the lists said', async () => {
    const server = await serve(SMALL_SIZE)
    const { page } = await openPage(browser)
    try {
      server.dropStreams(true)
      await page.goto(server.url)
      await page.getByText('The connection to Manor is lost.').waitFor()
      assert.equal(await page.locator('.square').count(), SMALL_SIZE.controllers)
      server.dropStreams(false)
      await page.locator('.link-state.is-live').waitFor()
    } finally {
      await page.context().close()
      await server.stop()
    }
  })

  test('a page that is not looked at holds no stream, and catches up when it is', () =>
    visit(SMALL_SIZE, '/', async (page, server) => {
      const controller = inPhase(server, 'ready')
      await page.locator('.square').first().waitFor()
      await page.evaluate(showAs('hidden'))
      await waitFor(() => server.streams() === 0, { what: 'the stream to be closed' })
      server.change({ kind: 'controller', id: controller.id, view: moveController(controller, 'failed', systemClock.now()) })
      await page.evaluate(showAs('visible'))
      await page.locator(`.square.is-failed[data-id="${controller.id}"]`).waitFor()
      assert.equal(server.streams(), 1)
    }))

  test('a reset reads the lists anew', () =>
    visit(SMALL_SIZE, '/', async (page, server) => {
      const controller = inPhase(server, 'ready')
      await page.locator('.square').first().waitFor()
      server.fleet.controllers.set(controller.id, moveController(controller, 'unreachable', systemClock.now()))
      server.reset()
      await page.locator(`.square.is-unreachable[data-id="${controller.id}"]`).waitFor()
    }))

  test('whoever is signed out is told how to sign in', async () => {
    const server = await serve(SMALL_SIZE)
    const { page } = await openPage(browser)
    try {
      server.signOut()
      await page.goto(server.url)
      await page.getByText('You are signed out').waitFor()
      await page.getByText('./manor console', { exact: true }).waitFor()
    } finally {
      await page.context().close()
      await server.stop()
    }
  })

  test('an empty fleet teaches the first step', () =>
    visit(EMPTY_FLEET, '/', async page => {
      await page.getByText('./manor controller create team-a --memory 1g').waitFor()
      for (const [path, command] of [
        ['/hosts', './manor host list'],
        ['/events', './manor event list --follow'],
        ['/queue', './manor agent list'],
        ['/templates', './manor template apply template.yaml'],
      ] as const) {
        await page.locator(`.nav a[href="${path}"]`).click()
        await page.getByText(command, { exact: true }).waitFor()
      }
    }))

  test('every page: no sideways scrolling from 360 to 2,560 px, all that can be pressed or filled has a name, one heading, no complaint', async () => {
    const server = await serve(FULL_SIZE)
    const controller = [...server.fleet.controllers.values()].find(({ running, queued }) => running > 0 && queued > 0)?.id ?? ''
    const agent = server.fleet.agents.keys().next().value ?? ''
    try {
      for (const [width, colorScheme] of [
        [360, 'light'],
        [1_440, 'light'],
        [2_560, 'dark'],
      ] as const) {
        const { page, complaints } = await openPage(browser, { width, colorScheme })
        for (const path of [...PAGES, `/controllers/${controller}`, `/agents/${agent}`]) {
          await page.goto(server.url + path)
          await page.locator('.link-state.is-live').waitFor()
          await page.locator('main .page').waitFor()
          assert.deepEqual(await page.evaluate(FIND_FLAWS), [], `${path} at ${width} px`)
          await page.screenshot({ path: join(pictures, `${nameOfPicture(path)}-${width}-${colorScheme}.png`) })
        }
        assert.deepEqual(complaints, [])
        await page.context().close()
      }
    } finally {
      await server.stop()
    }
  })

  test('dark follows the system, a choice goes before it, and both are kept apart from the page', () =>
    visit(
      SMALL_SIZE,
      '/',
      async page => {
        const ground = (): Promise<string> => page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
        assert.equal(await ground(), 'rgb(13, 19, 22)')
        await page.getByRole('button', { name: /^Theme: system/ }).click()
        assert.equal(await ground(), 'rgb(233, 236, 236)')
        await page.reload()
        await page.getByRole('button', { name: /^Theme: light/ }).waitFor()
        assert.equal(await ground(), 'rgb(233, 236, 236)')
      },
      { colorScheme: 'dark' },
    ))

  test('what is sent to a browser is small', async () => {
    const server = await serve(EMPTY_FLEET)
    try {
      const html = await (await fetch(server.url)).text()
      const files = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path)
      assert.ok(files.length >= 2)
      let bytes = 0
      for (const path of files) bytes += await gzippedLength(await (await fetch(server.url + path)).blob())
      assert.ok(bytes < MAX_BUNDLE_BYTES, `${bytes} bytes`)
    } finally {
      await server.stop()
    }
  })
})

const nameOfPicture = (path: string): string => path.replaceAll(/\W+/g, ' ').trim().replaceAll(' ', '-') || 'wall'

const gzippedLength = async (content: Blob): Promise<number> =>
  (await new Response(content.stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer()).byteLength

/** In the page: what a browser does when a tab is left or come back to. */
const showAs = (visibility: 'hidden' | 'visible'): string => `
  Object.defineProperty(document, 'visibilityState', { value: '${visibility}', configurable: true })
  document.dispatchEvent(new Event('visibilitychange'))`

/** In the page: resolves to the ids of the squares that were touched by the next changes of the wall, a moment after the first of them. */
const WATCH_WALL = `new Promise(resolve => {
  const touched = []
  const observer = new MutationObserver(records => {
    for (const { target } of records) {
      const element = target.nodeType === 1 ? target : target.parentElement
      touched.push(element.closest('.square')?.dataset.id ?? element.className)
    }
    requestAnimationFrame(() => requestAnimationFrame(() => { observer.disconnect(); resolve(touched) }))
  })
  observer.observe(document.querySelector('.wall'), { subtree: true, childList: true, attributes: true, characterData: true })
})`

/** In the page: what an accessibility checker would find first. */
const FIND_FLAWS = `(() => {
  const flaws = []
  const root = document.documentElement
  if (root.scrollWidth > root.clientWidth) flaws.push('scrolls sideways: ' + root.scrollWidth)
  const nameOf = element => (element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? '').trim()
  for (const element of document.querySelectorAll('button, a, input, select, [role="img"]'))
    if (nameOf(element) === '') flaws.push('no name: ' + element.outerHTML.slice(0, 120))
  if (document.querySelectorAll('h1').length !== 1) flaws.push('headings of the first level: ' + document.querySelectorAll('h1').length)
  for (const landmark of ['header', 'nav', 'main']) if (!document.querySelector(landmark)) flaws.push('no ' + landmark)
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
  for (const id of new Set(ids)) if (ids.filter(other => other === id).length > 1) flaws.push('twice: ' + id)
  for (const table of document.querySelectorAll('table')) if (!table.querySelector('th[scope="col"]')) flaws.push('a table without heads')
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls'])
    for (const element of document.querySelectorAll('[' + attribute + ']'))
      if (!document.getElementById(element.getAttribute(attribute))) flaws.push(attribute + ' leads nowhere: ' + element.outerHTML.slice(0, 120))
  if (document.querySelector('[style*="expression"], main script')) flaws.push('inline script')
  if (root.lang === '' || document.title === '') flaws.push('no language or no title')
  return flaws
})()`
