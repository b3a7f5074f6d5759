import type { IncomingMessage, ServerResponse } from 'node:http'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { nameSuffix } from '../runtime/index.ts'
import { ChangeHub } from './change-hub.ts'
import { addChangeStream } from './change-stream.ts'
import { addConsoleFiles } from './console-files.ts'
import type { Context } from './context.ts'
import { FailedAttempts } from './failed-attempts.ts'
import { admit } from './gate.ts'
import { addNotFound } from './not-found.ts'
import { openApiDocument, openApiOptions } from './openapi.ts'
import type { ApiPorts } from './ports.ts'
import { problem, problemOf } from './problems.ts'
import { Projection } from './projection.ts'
import { addPage } from './route.ts'
import { addAgentRoutes } from './routes/agents.ts'
import { addControllerRoutes } from './routes/controllers.ts'
import { addFleetRoutes } from './routes/fleet.ts'
import { addHookRoutes } from './routes/hook.ts'
import { addHostRoutes } from './routes/hosts.ts'
import { addManorRoutes } from './routes/manor.ts'
import { addTemplateRoutes } from './routes/templates.ts'
import { addTenantRoutes } from './routes/tenants.ts'
import { addTokenRoutes } from './routes/tokens.ts'
import { addSignInRoutes } from './sign-in.ts'
import { validatorCompiler } from './validation.ts'

/** Largest body of a person's request: the largest template fits. The hook's routes have their own. */
const BODY_LIMIT_BYTES = 256 * 1024
/** A name is at most 255 long, as the contract says. */
const MAX_PARAMETER_LENGTH = 255
const FAULT_ID_LENGTH = 10

/**
 * The HTTP API as one fastify instance. It listens nowhere by itself: give requests to `handlerOf`, once `ready()` has resolved. `close()`
 * ends the change streams.
 */
export const createApi = (ports: ApiPorts): FastifyInstance => {
  const projection = new Projection(ports)
  const context: Context = {
    ports,
    projection,
    hub: new ChangeHub(ports, projection),
    failed: new FailedAttempts(ports.clock),
    startedAt: ports.clock.now(),
  }
  // Lines are written here, by onResponse: fastify's own would hold the path with its query, and so a sign-in link's secret.
  const onError = errorHandlerOf(ports)
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
    // Paths that do not decode never reach a hook.
    frameworkErrors: (cause, request, reply) => {
      reply.headers(SECURITY_HEADERS)
      onError(cause, request, reply)
    },
  })
  app.setErrorHandler(onError)
  app.setValidatorCompiler(validatorCompiler)
  // Views hold just what the contract says, which the types check, so nothing has to be left out here and the engine's own JSON is fastest.
  app.setSerializerCompiler(() => data => JSON.stringify(data))
  app.removeContentTypeParser('text/plain')
  addGate(app, context)
  addLog(app, ports)
  addNotFound(app)
  app.addHook('preClose', async () => context.hub.close())
  app.register(swagger, openApiOptions(ports.version))
  // Inside a plugin, so that swagger is there before the first route.
  app.register(async scope => addRoutes(scope, context))
  return app
}

/** What takes over requests for Manor's own paths from whoever listens. Call once `app.ready()` has resolved. */
export const handlerOf =
  (app: FastifyInstance) =>
  (request: IncomingMessage, response: ServerResponse): void =>
    app.routing(request, response)

const addRoutes = (app: FastifyInstance, context: Context): void => {
  addControllerRoutes(app, context)
  addAgentRoutes(app, context)
  addTemplateRoutes(app, context)
  addHostRoutes(app, context)
  addTenantRoutes(app, context)
  addFleetRoutes(app, context)
  addChangeStream(app, context)
  addTokenRoutes(app, context)
  addManorRoutes(app, context)
  addHookRoutes(app, context)
  addSignInRoutes(app, context)
  addPage(app, '/health', (_request, reply) => reply.send({ status: 'ok', version: context.ports.version }))
  let document: string | undefined
  addPage(app, '/api/openapi.json', (_request, reply) => {
    document ??= JSON.stringify(openApiDocument(app))
    return reply.type('application/json; charset=utf-8').send(document)
  })
  addConsoleFiles(app, context)
}

/** What every answer carries, whoever asks. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Pages set their own; an answer of the API is never a page.
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
}

const addGate = (app: FastifyInstance, { ports, failed }: Context): void => {
  app.decorateRequest('principal', undefined)
  app.addHook('onRoute', ({ url, config }) => {
    if (config?.access === undefined) throw new TypeError(`Route ${url} does not say who may call it: add it with addRoute or addPage.`)
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS)
    if (request.is404) return
    const { access } = request.routeOptions.config
    if (access === undefined) throw new TypeError(`Route ${request.routeOptions.url} does not say who may call it.`)
    if (access === 'public') return
    // Answers hold what one token may see: no cache may give them to another.
    reply.header('cache-control', 'no-store')
    request.principal = admit(request, access, ports, failed)
  })
}

/** What every error becomes: an answer that says the mend, or for a bug one that says where its cause is logged. */
const errorHandlerOf =
  ({ log, random }: ApiPorts) =>
  (cause: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const expected = problemOf(cause)
    if (expected !== undefined) {
      if (expected.problem.status === 401) reply.header('www-authenticate', 'Bearer realm="manor"')
      if (expected.retryAfterSeconds !== undefined) reply.header('retry-after', expected.retryAfterSeconds)
      return sendProblem(reply, expected.problem)
    }
    // Who asked has gone away, and took what was waited for along.
    if (request.signal.aborted) return sendProblem(reply, problem(499, 'aborted', 'The caller went away.'))
    const id = nameSuffix(random, FAULT_ID_LENGTH)
    log.error({ err: cause, fault: id, method: request.method, route: request.routeOptions.url }, 'A request failed.')
    return sendProblem(
      reply,
      problem(500, 'internal', `This is a fault of Manor's own. Its log has the cause under ${id}; please report it.`),
    )
  }

const sendProblem = (reply: FastifyReply, body: ReturnType<typeof problem>): FastifyReply =>
  reply.status(body.status).type('application/problem+json').serializer(JSON.stringify).send(body)

/** One line for each request of a person that may have changed something. Hooks report every few seconds and would drown them. */
const addLog = (app: FastifyInstance, { log }: ApiPorts): void => {
  app.addHook('onResponse', async (request, reply) => {
    if (!isWorthALine(request)) return
    log.info(
      {
        method: request.method,
        route: request.routeOptions.url,
        params: request.params,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        actor: request.principal?.actor,
        address: request.ip,
      },
      'request',
    )
  })
}

const isWorthALine = ({ method, principal }: FastifyRequest): boolean =>
  method !== 'GET' && method !== 'HEAD' && principal?.role !== 'controller'
