/** What each call of Marathon's REST interface does and answers. Knows no connection: a call comes in as plain data and so does its answer. */
import type { Clock } from '../../../src/runtime/index.ts'
import type { Action, AppState, Core, Instance } from './core.ts'
import { check, definitionOf, isJson, isOnlyScale, type Json, normalise, parseBody, Refused, unknownFields } from './definition.ts'
import { appView, bareView, deploymentView, infoView, labelsMeet, queueView, shownInstances, taskView } from './views.ts'

export type Call = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
  readonly from: string
}
export type Answer = { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }

export type ApiOptions = {
  readonly core: Core
  readonly clock: Clock
  readonly leader: () => string
  readonly mesosUrl: () => string
  readonly abdicate: () => void
  readonly emit: (type: string, data: Json) => void
  /** Refuses what a real Marathon lets pass and nobody can mean: unknown fields. */
  readonly strict: boolean
}

const LOCAL_PORT_MIN = 10_000

export class Api {
  readonly #options: ApiOptions
  #nextServicePort = LOCAL_PORT_MIN

  constructor(options: ApiOptions) {
    this.#options = options
  }

  answer(call: Call): Answer {
    try {
      return this.#route(call)
    } catch (cause) {
      if (cause instanceof Refused) return { status: cause.status, body: cause.body }
      throw cause
    }
  }

  #route(call: Call): Answer {
    const { method, path } = call
    const { core, clock } = this.#options
    if (path === '/ping') return { status: 200, body: 'pong' }
    if (path === '/v2/info') return { status: 200, body: infoView(core, this.#options.leader(), true, this.#options.mesosUrl()) }
    if (path === '/v2/leader') return this.#leader(method)
    if (path === '/v2/deployments') return { status: 200, body: [...core.deployments.values()].map(deploymentView) }
    if (path.startsWith('/v2/deployments/')) return this.#cancel(path.slice('/v2/deployments/'.length), call)
    if (path === '/v2/queue') return { status: 200, body: { queue: queueView(core, clock.now(), call.query.has('embed')) } }
    if (path.startsWith('/v2/queue/')) return this.#resetDelay(path)
    if (path === '/v2/tasks') return this.#allTasks()
    if (path === '/v2/apps') return method === 'POST' ? this.#create(call) : this.#apps(call)
    if (path.startsWith('/v2/apps/')) return this.#app(path.slice('/v2/apps'.length), call)
    if (path === '/v2/groups' || path.startsWith('/v2/groups/')) return this.#group(path.slice('/v2/groups'.length) || '/', call)
    return { status: 404, body: { message: `HTTP 404 Not Found` } }
  }

  #leader(method: string): Answer {
    if (method !== 'DELETE') return { status: 200, body: { leader: this.#options.leader() } }
    this.#options.abdicate()
    return { status: 200, body: { message: 'Leadership abdicated', details: [] } }
  }

  #apps({ query }: Call): Answer {
    const embed = embedOf(query, 'apps.')
    const selector = query.get('label')
    const wanted = query.get('id')
    const apps = [...this.#options.core.apps.values()].filter(
      app => (selector === null || labelsMeet(definitionOf(app.json).labels, selector)) && (wanted === null || app.id.includes(wanted)),
    )
    return { status: 200, body: { apps: apps.map(app => appView(this.#options.core, app, embed)) } }
  }

  #allTasks(): Answer {
    const { core } = this.#options
    const tasks = [...core.apps.values()].flatMap(app =>
      shownInstances(core, app.id).map(each => taskView(core, each, servicePortsOf(app))),
    )
    return { status: 200, body: { tasks } }
  }

  #app(rest: string, call: Call): Answer {
    const { core } = this.#options
    const tasks = /^(.+)\/tasks(?:\/(.+))?$/.exec(rest)
    if (tasks?.[1] !== undefined) return this.#tasks(tasks[1], tasks[2] === undefined ? undefined : decodeURIComponent(tasks[2]), call)
    const versions = /^(.+)\/versions(?:\/(.+))?$/.exec(rest)
    if (versions?.[1] !== undefined) return this.#versions(versions[1], versions[2])
    if (rest.endsWith('/restart') && call.method === 'POST') return this.#restart(rest.slice(0, -'/restart'.length), call)
    const app = core.apps.get(rest)
    if (call.method === 'PUT' || call.method === 'PATCH') return this.#change(rest, call)
    if (app === undefined)
      return { status: 404, body: { message: `App '${rest}' does not exist`, ...(call.method === 'DELETE' ? {} : { details: [] }) } }
    if (call.method === 'DELETE') return this.#delete(app, call)
    return { status: 200, body: { app: appView(core, app, new Set([...embedOf(call.query, 'app.'), 'tasks', 'lastTaskFailure'])) } }
  }

  #create(call: Call): Answer {
    const { core } = this.#options
    const given = this.#checked(parseBody(call.body))
    const id = absolute(String(given.id))
    if (core.apps.has(id)) {
      const message = `An app with id [${id}] already exists.`
      this.#options.emit('group_change_failed', { groupId: parentOf(id), version: core.newVersion(), reason: message })
      throw new Refused(409, { message })
    }
    const version = core.newVersion()
    const answered = normalise({ ...given, id }, version)
    // Ports for routers are given out once the answer has been made.
    core.put(id, this.#withServicePorts(answered), version, false)
    const deployment = core.deploy(startSteps(id), version, new Map([[id, undefined]]))
    this.#posted(call, answered)
    return {
      status: 201,
      headers: { location: `http://${this.#options.leader()}${id}`, 'marathon-deployment-id': deployment.id },
      body: { ...answered, tasksStaged: 0, tasksRunning: 0, tasksHealthy: 0, tasksUnhealthy: 0, deployments: [{ id: deployment.id }] },
    }
  }

  #checked(json: Json): Json {
    check(json)
    const unknown = this.#options.strict ? unknownFields(json) : []
    if (unknown.length > 0)
      throw new Refused(422, {
        message: 'Strict double: unknown fields',
        details: unknown.map(name => ({ path: `/${name}`, errors: ['error.unknown.field'] })),
      })
    return json
  }

  #change(id: string, call: Call): Answer {
    const { core } = this.#options
    const update = parseBody(call.body)
    const there = core.apps.get(id)
    const last = there?.json
    const partial = call.query.get('partialUpdate') !== 'false' || call.method === 'PATCH'
    const { version: _version, versionInfo: _info, ...before } = last ?? {}
    const given = this.#checked({ ...(partial ? before : {}), ...update, id })
    const force = call.query.get('force') === 'true'
    const version = core.newVersion()
    const json = normalise(given, version)
    const onlyScale = there !== undefined && isOnlyScale(there.json, json)
    core.claim([id], force, there !== undefined && !onlyScale)
    core.put(id, this.#withServicePorts(json), version, onlyScale)
    const steps = there === undefined ? startSteps(id) : onlyScale ? single('ScaleApplication', id) : single('RestartApplication', id)
    const { id: deploymentId } = core.deploy(steps, version, new Map([[id, last]]))
    this.#posted(call, json)
    return deployed(there === undefined ? 201 : 200, deploymentId, version)
  }

  #restart(id: string, call: Call): Answer {
    const { core } = this.#options
    const app = core.apps.get(id)
    if (app === undefined) return { status: 404, body: { message: `App '${id}' does not exist`, details: [] } }
    core.claim([id], call.query.get('force') === 'true', true)
    const version = core.newVersion()
    const before = app.json
    core.put(id, { ...app.json, version }, version, false)
    return deployed(200, core.deploy(single('RestartApplication', id), version, new Map([[id, before]])).id, version)
  }

  #delete(app: AppState, call: Call): Answer {
    const { core } = this.#options
    core.claim([app.id], call.query.get('force') === 'true', false)
    const version = core.newVersion()
    core.removeApp(app.id)
    const { id } = core.deploy(single('StopApplication', app.id), version, new Map([[app.id, app.json]]))
    this.#options.emit('app_terminated_event', { appId: app.id })
    return deployed(200, id, version)
  }

  #tasks(id: string, task: string | undefined, call: Call): Answer {
    const { core } = this.#options
    const app = core.apps.get(id)
    if (app === undefined) return { status: 404, body: { message: `App '${id}' does not exist`, details: [] } }
    const shown = shownInstances(core, id)
    if (call.method !== 'DELETE') return { status: 200, body: { tasks: shown.map(each => taskView(core, each, servicePortsOf(app))) } }
    const scale = call.query.get('scale') === 'true'
    const wipe = call.query.get('wipe') === 'true'
    if (scale && wipe) throw new Refused(400, { message: 'You cannot use scale and wipe at the same time.' })
    const host = call.query.get('host')
    const chosen = shown.filter(each =>
      task === undefined ? host === null || host === '*' || each.agent?.hostname === host : core.taskId(each) === task,
    )
    if (task !== undefined && chosen.length === 0) return { status: 404, body: { message: `Task '${task}' does not exist`, details: [] } }
    if (scale) return this.#killAndScale(app, chosen, call)
    const before = chosen.map(each => taskView(core, each))
    for (const each of chosen) {
      core.kill(each)
      if (wipe) core.expunge(each)
    }
    return { status: 200, body: task === undefined ? { tasks: before } : { task: before[0] } }
  }

  #killAndScale(app: AppState, chosen: readonly Instance[], call: Call): Answer {
    const { core } = this.#options
    core.claim([app.id], call.query.get('force') === 'true', false)
    const version = core.newVersion()
    const before = app.json
    core.put(app.id, { ...app.json, version, instances: Math.max(0, definitionOf(app.json).instances - chosen.length) }, version, true)
    for (const each of chosen) core.kill(each)
    return deployed(200, core.deploy(single('ScaleApplication', app.id), version, new Map([[app.id, before]])).id, version)
  }

  #versions(id: string, version: string | undefined): Answer {
    const app = this.#options.core.apps.get(id)
    if (app === undefined) return { status: 404, body: { message: `App '${id}' does not exist`, details: [] } }
    if (version === undefined) return { status: 200, body: { versions: [...app.versions.keys()].toReversed() } }
    const json = app.versions.get(version)
    return json === undefined
      ? { status: 404, body: { message: `App '${id}' does not exist in version ${version}`, details: [] } }
      : { status: 200, body: json }
  }

  #cancel(id: string, call: Call): Answer {
    const { core } = this.#options
    const deployment = core.deployments.get(id)
    if (deployment === undefined || call.method !== 'DELETE')
      return { status: 404, body: { message: `Deployment plan '${id}' does not exist`, details: [] } }
    core.cancel(deployment)
    if (call.query.get('force') === 'true') return { status: 202 }
    const version = core.newVersion()
    const actions: Action[] = []
    for (const [app, before] of deployment.previous) {
      if (before === undefined) {
        core.removeApp(app)
        actions.push({ action: 'StopApplication', app })
      } else {
        core.put(app, { ...before, version }, version, false)
        actions.push({ action: 'RestartApplication', app })
      }
    }
    return deployed(200, core.deploy([actions], version, new Map()).id, version)
  }

  #resetDelay(path: string): Answer {
    const { core } = this.#options
    const id = path.slice('/v2/queue'.length).replace(/\/delay$/, '')
    const app = core.apps.get(id)
    if (app === undefined || core.queueOf(id) === undefined || app.delayMs === 0)
      return { status: 404, body: { message: `Application ${id} not found in tasks queue.`, details: [] } }
    core.resetDelay(app)
    return { status: 204 }
  }

  #group(id: string, call: Call): Answer {
    const { core } = this.#options
    const below = [...core.apps.values()].filter(app => id === '/' || app.id.startsWith(`${id}/`))
    if (call.method === 'GET') {
      if (id !== '/' && below.length === 0) return { status: 404, body: { message: `Group '${id}' does not exist`, details: [] } }
      return { status: 200, body: { ...this.#groupView(id, below), enforceRole: false } }
    }
    const force = call.query.get('force') === 'true'
    if (call.method === 'DELETE') {
      if (below.length === 0) return { status: 404, body: { message: `Group '${id}' does not exist` } }
      core.claim(
        below.map(app => app.id),
        force,
        false,
      )
      const version = core.newVersion()
      for (const app of below) core.removeApp(app.id)
      const actions = below.map((app): Action => ({ action: 'StopApplication', app: app.id }))
      return deployed(200, core.deploy([actions], version, new Map(below.map(app => [app.id, app.json]))).id, version)
    }
    return this.#putGroup(id, parseBody(call.body), force)
  }

  #putGroup(id: string, json: Json, force: boolean): Answer {
    const { core } = this.#options
    const given = (Array.isArray(json.apps) ? json.apps : [])
      .filter(isJson)
      .map(app => this.#checked({ ...app, id: within(id, String(app.id)) }))
    const ids = given.map(app => String(app.id))
    core.claim(ids, force, true)
    const version = core.newVersion()
    const previous = new Map(ids.map(app => [app, core.apps.get(app)?.json] as const))
    for (const app of given) core.put(String(app.id), this.#withServicePorts(normalise(app, version)), version, false)
    const fresh = ids.filter(app => previous.get(app) === undefined)
    const changed = ids.filter(app => previous.get(app) !== undefined)
    const steps: Action[][] = [
      [
        ...fresh.map((app): Action => ({ action: 'StartApplication', app })),
        ...changed.map((app): Action => ({ action: 'RestartApplication', app })),
      ],
      fresh.map((app): Action => ({ action: 'ScaleApplication', app })),
    ]
    return deployed(
      200,
      core.deploy(
        steps.filter(actions => actions.length > 0),
        version,
        previous,
      ).id,
      version,
    )
  }

  #groupView(id: string, below: readonly AppState[]): Json {
    const { core } = this.#options
    const prefix = id === '/' ? '/' : `${id}/`
    const own = below.filter(app => !app.id.slice(prefix.length).includes('/'))
    const children = [
      ...new Set(below.filter(app => !own.includes(app)).map(app => `${prefix}${app.id.slice(prefix.length).split('/')[0]}`)),
    ]
    return {
      id,
      apps: own.map(bareView),
      pods: [],
      groups: children.map(child =>
        this.#groupView(
          child,
          below.filter(app => app.id.startsWith(`${child}/`)),
        ),
      ),
      dependencies: [],
      version: below[0]?.lastScalingAt ?? core.newVersion(),
    }
  }

  #withServicePorts(json: Json): Json {
    const give = (port: unknown): unknown => (port === 0 ? this.#nextServicePort++ : port)
    const { container, portDefinitions, requirePorts } = json
    return {
      ...json,
      ...(isJson(container) && Array.isArray(container.portMappings)
        ? {
            container: {
              ...container,
              portMappings: container.portMappings.filter(isJson).map(each => ({ ...each, servicePort: give(each.servicePort) })),
            },
          }
        : {}),
      ...(Array.isArray(portDefinitions) && requirePorts !== true
        ? { portDefinitions: portDefinitions.filter(isJson).map(each => ({ ...each, port: give(each.port) })) }
        : {}),
    }
  }

  #posted(call: Call, definition: Json): void {
    this.#options.emit('group_change_success', { groupId: parentOf(String(definition.id)), version: definition.version })
    this.#options.emit('api_post_event', { clientIp: call.from, uri: call.path, appDefinition: definition })
  }
}

const startSteps = (app: string): Action[][] => [[{ action: 'StartApplication', app }], [{ action: 'ScaleApplication', app }]]
const single = (action: Action['action'], app: string): Action[][] => [[{ action, app }]]
const deployed = (status: number, deploymentId: string, version: string): Answer => ({
  status,
  headers: { 'marathon-deployment-id': deploymentId },
  body: { deploymentId, version },
})

const absolute = (id: string): string => (id.startsWith('/') ? id : `/${id}`)
const within = (group: string, id: string): string => (id.startsWith('/') ? id : `${group}/${id}`)
const parentOf = (id: string): string => id.slice(0, id.lastIndexOf('/')) || '/'

const embedOf = (query: URLSearchParams, prefix: string): ReadonlySet<string> =>
  new Set(query.getAll('embed').map(name => (name.startsWith(prefix) ? name.slice(prefix.length) : name)))

const servicePortsOf = ({ json }: AppState): number[] => {
  const { container, portDefinitions } = json
  const of = (list: unknown, name: string): number[] =>
    Array.isArray(list) ? list.filter(isJson).map(each => Number(each[name] ?? 0)) : []
  return isJson(container) ? of(container.portMappings, 'servicePort') : of(portDefinitions, 'port')
}
