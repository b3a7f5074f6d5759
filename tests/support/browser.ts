/** The system's Chromium, headless, for the tests of the console. */
import { type Browser, chromium, type Page } from 'playwright-core'

const PROGRAM = '/usr/bin/chromium'
const ARGUMENTS: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
/** A locator that waits longer than this waits for something that does not come. */
const LOCATOR_TIMEOUT_MS = 15_000

export const launchBrowser = (): Promise<Browser> => chromium.launch({ executablePath: PROGRAM, args: [...ARGUMENTS] })

export type PageOptions = {
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'light' | 'dark'
}

/** A page in a context of its own, and everything that its console complained about. Close the page's context when done. */
export const openPage = async (
  browser: Browser,
  options: PageOptions = {},
): Promise<{ readonly page: Page; readonly complaints: string[] }> => {
  const { width = 1_280, height = 800, colorScheme = 'light' } = options
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' })
  context.setDefaultTimeout(LOCATOR_TIMEOUT_MS)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(error.message))
  return { page, complaints }
}
