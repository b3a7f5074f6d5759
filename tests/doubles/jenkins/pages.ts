import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Answer, errorPage, type Headers } from './answers.ts'
import type { Core } from './core.ts'
import { type Build, isWellFormed, type Job, jobOf, nodeConfigOf } from './model.ts'
import { agentSecret } from './secrets.ts'
import type { Caller, Security } from './security.ts'
import { type Json, pick, viewsOf } from './views.ts'

export const VERSION = '2.541.3'

/** How a Jenkins is asked to end. */
export type Ending = 'exit' | 'safeExit' | 'restart' | 'safeRestart'

export type PagesPorts = {
  readonly core: Core
  readonly security: Security
  readonly key: Buffer
  readonly prefix: string
  readonly end: (how: Ending) => void
}

type Asked = {
  readonly request: IncomingMessage
  /** Below the prefix, decoded, in segments. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
  readonly form: URLSearchParams
  readonly body: string
  readonly caller: Caller
  readonly rootUrl: string
}

const HTML = 'text/html;charset=utf-8'
const EPOCH = 'Thu, 01 Jan 1970 00:00:00 GMT'
const NO_CACHE: Headers = [['Cache-Control', 'no-cache,no-store,must-revalidate']]
/** Open to all. */
const UNPROTECTED: ReadonlySet<string> = new Set([
  ...['login', 'loginError', 'j_spring_security_check', 'health', 'whoAmI', 'tcpSlaveAgentListener', 'static', 'jnlpJars', 'robots.txt'],
])
const ERROR_PAGE: Headers = [
  ['X-Hudson-Theme', 'default'],
  ['Referrer-Policy', 'same-origin'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
]

/** Answers requests as Jenkins' own pages do. */
export class Pages {
  readonly #ports: PagesPorts
  readonly #session = randomBytes(4).toString('hex')

  constructor(ports: PagesPorts) {
    this.#ports = ports
  }

  /** `target` is the path with its query, as it was asked for. */
  answer(request: IncomingMessage, target: string, body: string): Answer {
    const { prefix, security } = this.#ports
    const [rawPath = '', rawQuery = ''] = target.split('?', 2)
    if (rawPath === prefix && prefix !== '') return { status: 301, headers: [['Location', `${prefix}/`]] }
    if (!rawPath.startsWith(`${prefix}/`)) return { status: 404, early: 'authentication', ...errorPage(404, 'Not Found') }
    const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false
    const asked: Asked = {
      request,
      path: rawPath
        .slice(prefix.length + 1)
        .split('/')
        .map(decodeURIComponent),
      query: new URLSearchParams(rawQuery),
      form: new URLSearchParams(isForm ? body : ''),
      body,
      caller: security.caller(request),
      rootUrl: `${originOf(request)}${prefix}/`,
    }
    if (asked.caller.kind === 'wrong') return this.#wrongCredentials()
    const crumb = asked.form.get('Jenkins-Crumb') ?? undefined
    if (request.method === 'POST' && !security.crumbIsGood(request, asked.caller, crumb)) {
      if (asked.path[0] === 'j_spring_security_check') return this.#redirect('loginError')
      return { status: 403, early: 'filter', ...errorPage(403, 'No valid crumb was included in the request') }
    }
    if (asked.caller.kind === 'anonymous' && !UNPROTECTED.has(asked.path[0] ?? '')) return this.#page(403, this.#newSession())
    return this.#route(asked)
  }

  #route(asked: Asked): Answer {
    const [first = '', second = '', ...rest] = asked.path
    switch (first) {
      case 'job':
        return this.#job(asked, second, rest)
      case 'computer':
        return this.#computer(asked, second, rest)
      case 'queue':
        return this.#queue(asked, second, rest)
      case 'administrativeMonitor':
        return this.#reverseProxyCheck(asked)
      default:
        return asked.request.method === 'POST' ? this.#act(asked, first) : this.#show(asked, first, second)
    }
  }

  #show(asked: Asked, first: string, second: string): Answer {
    const { core, security } = this.#ports
    const views = this.#views(asked)
    switch (first) {
      case 'login':
        return {
          status: 200,
          headers: [
            ['Content-Type', HTML],
            ['Expires', EPOCH],
            ...NO_CACHE,
            ...this.#version(),
            ['X-Frame-Options', 'sameorigin'],
            ...this.#reporting(asked),
            ...this.#newSession(),
          ],
          body: this.#signInPage(asked),
        }
      case 'health':
        if (asked.path.length === 1) return this.#redirect('health/')
        return { status: 200, headers: [['Content-Type', 'application/json;charset=utf-8']], body: '{"status":true}' }
      case 'api':
        return second === 'json' ? this.#json(asked, views.root()) : this.#page(404)
      case 'whoAmI':
        return this.#json(asked, whoIs(asked.caller))
      case 'crumbIssuer': {
        const known = security.session(asked.request)
        const session = known ?? security.newSession('name' in asked.caller ? asked.caller.name : undefined)
        const crumb = security.crumb('name' in asked.caller ? asked.caller.name : 'anonymous', session)
        const headers = known === undefined ? [...this.#cookie(session), ['Expires', EPOCH] as const] : []
        return this.#json(asked, { _class: 'hudson.security.csrf.DefaultCrumbIssuer', crumb, crumbRequestField: 'Jenkins-Crumb' }, headers)
      }
      case 'overallLoad':
        return this.#json(asked, views.load())
      case 'tcpSlaveAgentListener':
        return {
          ...this.#page(404, [...NO_CACHE, ...ERROR_PAGE, ...this.#newSession('0'), ...this.#reporting(asked)], 'sameorigin'),
          early: 'filter',
        }
      case '':
      case 'manage':
        return {
          status: 200,
          headers: [['Content-Type', HTML], ...this.#version(), ['X-Frame-Options', 'sameorigin']],
          body: '<html></html>',
        }
      default:
        return first === 'createItem' || core.jobs.has(first) ? this.#page(405) : this.#page(404)
    }
  }

  #act(asked: Asked, action: string): Answer {
    const { core, security, end } = this.#ports
    switch (action) {
      case 'j_spring_security_check': {
        const name = asked.form.get('j_username') ?? ''
        if (!security.isPassword(name, asked.form.get('j_password') ?? '')) return this.#redirect('loginError')
        return { ...this.#redirect(''), headers: [['Location', `${this.#ports.prefix}/`], ...this.#cookie(security.newSession(name))] }
      }
      case 'createItem': {
        const name = asked.query.get('name') ?? ''
        if (core.jobs.has(name)) return this.#failed(asked, 400, `A job already exists with the name ‘${name}’`)
        if (!isWellFormed(asked.body)) return this.#failed(asked, 500)
        core.addJob(jobOf(name, asked.body))
        return { status: 200 }
      }
      case 'quietDown':
        core.quiet(asked.query.get('message') ?? asked.query.get('reason') ?? undefined)
        return this.#redirect('')
      case 'cancelQuietDown':
        core.cancelQuiet()
        return this.#redirect('')
      case 'exit':
      case 'safeExit':
      case 'restart':
      case 'safeRestart':
        end(action)
        return action === 'safeExit' ? { status: 200 } : this.#redirect('')
      default:
        return this.#page(404)
    }
  }

  #job(asked: Asked, name: string, rest: readonly string[]): Answer {
    const { core } = this.#ports
    const job = core.jobs.get(name)
    if (job === undefined) return this.#page(404)
    const [action = '', ...below] = rest
    if (action === 'api') return this.#json(asked, this.#views(asked).job(job))
    if (action === 'build' || action === 'buildWithParameters') {
      if (asked.request.method !== 'POST') return this.#page(405)
      return this.#schedule(asked, job, action === 'buildWithParameters')
    }
    const build = action === 'lastBuild' ? core.buildsOf(name)[0] : core.buildsOf(name).find(({ number }) => String(number) === action)
    return build === undefined ? this.#page(404) : this.#build(asked, build, below)
  }

  #schedule(asked: Asked, job: Job, withParameters: boolean): Answer {
    const { core } = this.#ports
    const hasParameters = Object.keys(job.parameters).length > 0
    if (withParameters && !hasParameters) return this.#failed(asked, 400, `${job.name} is not parameterized`)
    const given = (name: string): string | null => asked.form.get(name) ?? asked.query.get(name)
    const parameters = Object.fromEntries(Object.entries(job.parameters).map(([name, value]) => [name, given(name) ?? value]))
    const delay = /^(\d+)/.exec(asked.query.get('delay') ?? asked.form.get('delay') ?? '')?.[1]
    const user = 'name' in asked.caller ? asked.caller.name : 'anonymous'
    const item = core.schedule(job, user, parameters, delay === undefined ? undefined : Number(delay) * 1_000)
    return { status: 201, headers: [['Location', `${asked.rootUrl}queue/item/${item.id}/`]] }
  }

  #build(asked: Asked, build: Build, [action = '', inner = '']: readonly string[]): Answer {
    if (action === 'api') return this.#json(asked, this.#views(asked).build(build))
    if (action !== 'logText' || inner !== 'progressiveText') return this.#page(404)
    const log = Buffer.from(build.log)
    const start = Math.min(Number(asked.query.get('start') ?? 0) || 0, log.length)
    // Line ends are changed on the way out, so that the body is longer than the text it stands for.
    const body = log.subarray(start).toString().replaceAll('\n', '\r\n')
    const more: Headers = build.result === undefined ? [['X-More-Data', 'true']] : []
    return { status: 200, headers: [['Content-Type', 'text/plain;charset=utf-8'], ['X-Text-Size', String(log.length)], ...more], body }
  }

  #queue(asked: Asked, second: string, [id = '', action = '']: readonly string[]): Answer {
    const { core } = this.#ports
    if (second === 'api') return this.#json(asked, this.#views(asked).queue())
    if (second === 'cancelItem') {
      const item = core.items.find(one => String(one.id) === asked.query.get('id'))
      if (item !== undefined) core.cancel(item)
      return { status: item === undefined ? 404 : 204 }
    }
    const item = second === 'item' ? core.item(Number(id)) : undefined
    return item === undefined || action !== 'api' ? this.#page(404) : this.#json(asked, this.#views(asked).item(item))
  }

  #computer(asked: Asked, second: string, [action = '']: readonly string[]): Answer {
    const { core, key } = this.#ports
    if (second === 'api') return this.#json(asked, this.#views(asked).computers())
    if (second === 'createItem') {
      const name = asked.query.get('name') ?? ''
      if (core.nodes.has(name)) return this.#failed(asked, 400, `Agent called ‘${name}’ already exists`)
      if (!isWellFormed(asked.body)) return this.#failed(asked, 500)
      core.addNode(nodeConfigOf(name, asked.body))
      return { status: 200 }
    }
    const node = core.nodes.get(second)
    if (node === undefined) return this.#page(404)
    switch (action) {
      case 'api':
        return this.#json(asked, this.#views(asked).computer(node))
      case 'doDelete':
        core.removeNode(second)
        return this.#redirect('computer/')
      case 'jenkins-agent.jnlp': {
        const words = [
          agentSecret(key, second),
          second,
          '-webSocket',
          '-workDir',
          node.remoteDirectory,
          '-internalDir',
          'remoting',
          '-url',
          asked.rootUrl,
        ]
        const body = `<jnlp><application-desc>${words.map(word => `<argument>${word}</argument>`).join('')}</application-desc></jnlp>`
        return { status: 200, headers: [['Content-Type', 'application/x-java-jnlp-file']], body }
      }
      default:
        return this.#page(404)
    }
  }

  /** hudson.diagnosis.ReverseProxySetupMonitor: what the browser asked for must come back to what Jenkins thinks its address is. */
  #reverseProxyCheck({ request, path, rootUrl }: Asked): Answer {
    const [, monitor = '', action = '', inner = ''] = path
    if (monitor !== 'hudson.diagnosis.ReverseProxySetupMonitor') return this.#page(404)
    if (action === 'test') {
      const referer = encodeURIComponent(request.headers.referer ?? '')
      return { status: 302, headers: [['Location', `${rootUrl}administrativeMonitor/${monitor}/testForReverseProxySetup/${referer}/`]] }
    }
    return inner.startsWith(`${rootUrl}manage`) ? { status: 200 } : this.#page(404)
  }

  #views(asked: Asked) {
    return viewsOf(this.#ports.core, asked.rootUrl, asked.query.has('tree') || Number(asked.query.get('depth') ?? 0) > 0)
  }

  #json(asked: Asked, document: Json, more: Headers = []): Answer {
    const tree = asked.query.get('tree')
    return {
      status: 200,
      headers: [
        ['X-Jenkins', VERSION],
        ['X-Jenkins-Session', this.#session],
        ['X-Frame-Options', 'deny'],
        ['Content-Type', 'application/json;charset=utf-8'],
        ...more,
      ],
      body: JSON.stringify(tree === null ? document : pick(document, tree)),
    }
  }

  /** An error of Jenkins' own, with its page. */
  #failed(asked: Asked, status: 400 | 500, says?: string): Answer {
    const told: Headers = says === undefined ? [] : [['X-Error', says.replaceAll(/[‘’]/g, ' ')]]
    return this.#page(status, [...told, ...NO_CACHE, ...ERROR_PAGE, ...this.#newSession(), ...this.#reporting(asked)], 'sameorigin')
  }

  #page(status: number, headers: Headers = [], frames?: string): Answer {
    const framed: Headers = frames === undefined ? [] : [['X-Frame-Options', frames]]
    return { status, headers: [['Content-Type', HTML], ...headers, ...this.#version(), ...framed], body: `<html>${status}</html>` }
  }

  #wrongCredentials(): Answer {
    const { headers, body } = errorPage(401, 'Unauthorized')
    const forget: Headers = [
      ['Set-Cookie', `remember-me=; Path=${this.#ports.prefix}; Expires=${EPOCH}; SameSite=Lax`],
      ['WWW-Authenticate', 'Basic realm="Jenkins"'],
    ]
    return { status: 401, early: 'authentication', headers: [...forget, ...headers], body }
  }

  #redirect(to: string): Answer {
    return { status: 302, headers: [['Location', `${this.#ports.prefix}/${to}`]] }
  }

  #version(): Headers {
    return [
      ['X-Hudson', '1.395'],
      ['X-Jenkins', VERSION],
      ['X-Jenkins-Session', this.#session],
    ]
  }

  #reporting({ rootUrl }: Asked): Headers {
    return [['Reporting-Endpoints', `content-security-policy: ${rootUrl}content-security-policy-reporting-endpoint/double`]]
  }

  #newSession(expires = EPOCH): Headers {
    return [...this.#cookie(this.#ports.security.newSession()), ['Expires', expires]]
  }

  #cookie(session: string): Headers {
    return [['Set-Cookie', `${this.#ports.security.cookieName}=${session}; Path=${this.#ports.prefix || '/'}; HttpOnly; SameSite=Lax`]]
  }

  #signInPage({ request }: Asked): string {
    const session = this.#ports.security.session(request)
    const crumb = session === undefined ? '' : this.#ports.security.crumb('anonymous', session)
    return `<html><form action="j_spring_security_check" method="post"><input name="Jenkins-Crumb" type="hidden" value="${crumb}"></form></html>`
  }
}

const whoIs = (caller: Caller): Json => {
  const named = 'name' in caller
  return {
    _class: 'hudson.security.WhoAmI',
    anonymous: !named,
    authenticated: true,
    authorities: named ? ['authenticated'] : ['anonymous'],
    name: named ? caller.name : 'anonymous',
  }
}

/** Jenkins.getRootUrlFromRequest: believes the forwarded headers, the port's last. */
const originOf = ({ headers }: IncomingMessage): string => {
  const first = (name: string): string | undefined =>
    String(headers[name] ?? '')
      .split(',')[0]
      ?.trim() || undefined
  const protocol = first('x-forwarded-proto') ?? 'http'
  const authority = first('x-forwarded-host') ?? headers.host ?? 'localhost'
  const host = authority.replace(/:\d+$/, '')
  const port = first('x-forwarded-port') ?? /:(\d+)$/.exec(authority)?.[1]
  const usual = port === undefined || port === (protocol === 'https' ? '443' : '80')
  return `${protocol}://${host}${usual ? '' : `:${port}`}`
}
