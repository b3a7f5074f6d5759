/** A FakeApi that holds a small fleet, as the tests of the command line want it. Run as a program it serves until ctrl-C, to look at by hand. */
import { pathToFileURL } from 'node:url'
import { Type } from 'typebox'
import * as contract from '../../src/api/contract.ts'
import { FAKE_TOKEN, FakeApi, problem } from './fake-api.ts'
import { agentView, buildView, controllerView, eventView, hostView, queueItemView, statusView, templateView, tenantView } from './views.ts'

export const startFakeFleet = async (): Promise<FakeApi> => {
  const now = Date.now()
  const api = await FakeApi.start()
  const controllers = new Map(
    [
      controllerView('team-a'),
      controllerView('team-b', {
        phase: 'starting',
        phaseSince: now - 8_000,
        reason: { code: 'waiting-boot', message: 'Hudson is loading its plugins.', since: now - 8_000 },
        running: 0,
      }),
      controllerView('payments-and-settlement-nightly', {
        tenant: 'payments',
        phase: 'failed',
        reason: {
          code: 'oom-container',
          message: 'It needed more than its 1024 MB.',
          since: now - 60_000,
          mend: 'Give it more with --memory 2g.',
        },
        nextTryAt: now + 30_000,
        failures: 3,
        running: 0,
        queued: 0,
      }),
      controllerView('attic', { wanted: 'stopped', phase: 'stopped', phaseSince: now - 3 * 86_400_000, running: 0, queued: 0 }),
    ].map(view => [view.id, view] as const),
  )
  api.list('/controllers', contract.ControllerView, () => [...controllers.values()])
  for (const [id, view] of controllers) {
    api.on(`GET /controllers/${id}`, contract.ControllerView, () => ({ body: view }))
    api.on(`GET /controllers/${id}/log`, undefined, () => ({ text: 'INFO: Jetty is ready\nINFO: Hudson is fully up and running\n' }))
    api.on(`POST /controllers/${id}/credentials`, contract.CredentialsView, () => ({ body: { user: 'admin', password: 'correct-horse' } }))
    api.list(`/controllers/${id}/builds`, contract.BuildView, () => [buildView('compile', 4, { controller: id })])
  }
  api.on('GET /controllers/team-b/explanation', contract.ExplanationView, () => ({
    body: {
      subject: 'Controller team-b',
      state: 'starting',
      reason: { code: 'waiting-boot', message: 'Hudson is loading its plugins.', since: now - 8_000, mend: 'Wait: this takes some 20 s.' },
      timeline: [
        { at: now - 9_000, message: 'Controller team-b was created.' },
        { at: now - 8_000, message: 'Controller team-b is starting on machine.' },
      ],
    },
  }))
  api.on('POST /controllers', contract.ControllerView, ({ body }) => {
    const { name = '', memoryMb = 3_072 } = body as contract.NewController
    if (memoryMb < 384) return problem(400, `memoryMb is ${memoryMb}: give 384 to 1048576 MB.`, { field: 'memoryMb' })
    if (controllers.has(name)) return problem(409, `There is a controller named ${name} already: choose another name.`, { field: 'name' })
    return { status: 201, body: controllerView(name, { phase: 'pending', phaseSince: Date.now(), epoch: 0, revision: 1 }) }
  })
  api.on('POST /controllers/attic/actions', contract.ControllerView, ({ body }) =>
    (body as { readonly action: string }).action === 'start'
      ? { status: 202, body: controllerView('attic', { phase: 'stopped', revision: 2 }) }
      : problem(409, 'Controller attic is stopped and cannot be stopped now; allowed: start, delete.', {
          field: 'action',
          allowed: ['start', 'delete'],
        }),
  )
  api.list('/agents', contract.AgentView, () => [
    agentView('team-a-linux-k7m2p'),
    agentView('team-b-linux-x2p9q', {
      controller: 'team-b',
      phase: 'launching',
      task: 'a-job-with-quite-a-long-name',
      reason: { code: 'preparing', message: 'Its node is being made.', since: now },
    }),
  ])
  api.on('GET /agents/team-a-linux-k7m2p', contract.AgentView, () => ({ body: agentView('team-a-linux-k7m2p') }))
  api.list('/queue', contract.QueueItemView, () => [queueItemView('17'), queueItemView('18', { since: now - 4_000, task: 'deploy' })])
  api.on('GET /queue/team-a/17/explanation', contract.ExplanationView, () => ({
    body: { subject: 'Item 17 of team-a', state: 'waiting', timeline: [] },
  }))
  api.list('/hosts', contract.HostView, () => [hostView('machine')])
  api.list('/tenants', contract.TenantView, () => [tenantView('default'), tenantView('payments', { quota: { cpu: 4, memoryMb: 8_192 } })])
  api.on('GET /tenants/payments', contract.TenantView, () => ({
    body: tenantView('payments', {
      weight: 2,
      quota: { cpu: 4, memoryMb: 8_192 },
      guarantee: { cpu: 1 },
      notes: ['The guarantees are more than the hosts have.'],
    }),
  }))
  api.on('GET /tenants/paymnets', contract.TenantView, () => problem(404, 'There is no tenant named paymnets.'))
  api.list('/templates', contract.TemplateView, () => [templateView('default')])
  api.on('GET /templates/default', contract.TemplateView, () => ({ body: templateView('default') }))
  api.on('PUT /templates/linux', contract.TemplateView, ({ body }) => ({
    body: { ...templateView('linux'), ...(body as object), resources: templateView('linux').resources },
  }))
  api.on('DELETE /templates/default', undefined, () => ({ status: 204 }))
  api.list('/builds', contract.BuildView, () => [buildView('compile', 4), buildView('deploy', 2, { result: 'FAILURE' })])
  const events = [
    eventView(1, 'Controller team-a was created with 1024 MB for tenant default.', { actor: 'token:admin', type: 'created' }),
    eventView(2, 'Controller team-a is ready after 14 s.'),
    eventView(3, 'Agent team-a-linux-k7m2p was placed on machine.', { kind: 'agent', subject: 'team-a-linux-k7m2p' }),
  ]
  api.on('GET /events', Type.Array(contract.EventView), ({ query }) => ({
    body: events.toReversed().slice(0, Number(query.get('limit') ?? 100)),
    cursor: '0',
  }))
  api.on('GET /status', contract.StatusView, () => ({ body: statusView({ now: Date.now() }) }))
  api.list('/tokens', contract.TokenView, () => [{ id: 't-1', name: 'ci', role: 'developer', createdAt: now - 60_000 }])
  api.on('POST /tokens', contract.CreatedToken, ({ body }) => ({
    status: 201,
    body: { token: { id: 't-2', createdAt: now, role: 'viewer', name: (body as contract.NewToken).name }, secret: 'manor_secret' },
  }))
  api.on('DELETE /tokens/t-1', undefined, () => ({ status: 204 }))
  api.on('POST /sign-in-links', contract.SignInLink, () => ({
    status: 201,
    body: { url: 'http://localhost:8080/sign-in?code=abc', expiresAt: Date.now() + 600_000 },
  }))
  return api
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const api = await startFakeFleet()
  process.stdout.write(`export MANOR_URL=${api.url} MANOR_TOKEN=${FAKE_TOKEN}\n`)
}
