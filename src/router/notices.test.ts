import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_PHASES, type ControllerPhase } from '../model/index.ts'
import { malformed, notServing, upstreamFailed } from './notices.ts'
import { PAGE_POLICY, pageOf } from './page.ts'
import type { RouteTarget } from './routes.ts'

const route = (phase: ControllerPhase, more: Partial<RouteTarget> = {}): RouteTarget => ({
  name: 'team-a',
  prefix: '/team-a',
  phase,
  since: 1_000,
  ...more,
})
const CONSOLE = 'http://manor.localhost:8080/'

for (const phase of CONTROLLER_PHASES)
  test(`a controller that is ${phase} is told of by name`, () => {
    const notice = notServing(route(phase), 4_000)
    assert.equal(notice.status, 503)
    assert.equal(notice.code, `controller-${phase}`)
    assert.match(notice.title, /team-a/)
    assert.match(notice.detail, /\.$/)
    assert.deepEqual(notice.controller, { name: 'team-a', phase, sinceSeconds: 3 })
    assert.match(pageOf(notice, CONSOLE), /team-a[\s\S]*manor\.localhost:8080/)
  })

test('what is known of the reason is said instead of what is usual', () => {
  const reason = { code: 'no-capacity', message: 'No host has 3072 MB free', since: 0, mend: 'Add a host' } as const
  const notice = notServing(route('pending', { reason }), 0)
  assert.equal(notice.detail, 'No host has 3072 MB free.')
  assert.equal(notice.mend, 'Add a host.')
  assert.equal(notServing(route('stopped'), 0).mend, 'Start it in the console, or with: ./manor controller start team-a')
})

test('a page asks again by itself only where waiting may help', () => {
  const refreshes = (phase: ControllerPhase): boolean => pageOf(notServing(route(phase), 0), CONSOLE).includes('http-equiv="refresh"')
  assert.deepEqual(
    CONTROLLER_PHASES.filter(phase => !refreshes(phase)),
    ['stopped', 'deleting'],
  )
})

test('a page shows text as text and may load and run nothing', () => {
  const reason = { code: 'boot-failed', message: `<script>alert("1")</script> & 'more'`, since: 0 } as const
  const page = pageOf(notServing(route('failed', { reason }), 0), CONSOLE)
  assert.ok(!page.includes('<script'))
  assert.ok(page.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;more&#39;.'))
  assert.match(PAGE_POLICY, /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='/)
  assert.doesNotMatch(page, /\b(src|onload)=|url\(/)
})

test('a failure and a malformed request have no phase to show', () => {
  assert.match(pageOf(upstreamFailed(route('ready'), 'silent', 1_000), CONSOLE), /class="trouble"[\s\S]*did not answer/)
  assert.equal(malformed('Why.').status, 400)
})
