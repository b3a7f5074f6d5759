import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export type Account = { readonly name: string; readonly password: string; readonly apiToken?: string }

/** Who asks. */
export type Caller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'session' | 'password' | 'token'; readonly name: string }

const MAX_SESSIONS = 10_000

/** HudsonPrivateSecurityRealm with one account, full control once logged in, no anonymous read, DefaultCrumbIssuer without addresses. */
export class Security {
  readonly #account: Account
  readonly #salt = randomBytes(16).toString('hex')
  readonly #sessions = new Map<string, { user?: string }>()
  readonly cookieName: string

  constructor(account: Account, home: string) {
    this.#account = account
    this.cookieName = `JSESSIONID.${createHash('sha256').update(home).digest('hex').slice(0, 8)}`
  }

  caller(request: IncomingMessage): Caller {
    const basic = /^Basic (.*)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (basic !== undefined) {
      const [name = '', ...rest] = Buffer.from(basic, 'base64').toString().split(':')
      const secret = rest.join(':')
      if (name !== this.#account.name) return { kind: 'wrong' }
      if (secret === this.#account.apiToken) return { kind: 'token', name }
      return secret === this.#account.password ? { kind: 'password', name } : { kind: 'wrong' }
    }
    const user = this.#sessions.get(this.session(request) ?? '')?.user
    return user === undefined ? { kind: 'anonymous' } : { kind: 'session', name: user }
  }

  /** The session of a request, where it has one that is known. */
  session(request: IncomingMessage): string | undefined {
    for (const pair of (request.headers.cookie ?? '').split(';')) {
      const [name, id] = pair.trim().split('=')
      if (name === this.cookieName && id !== undefined && this.#sessions.has(id)) return id
    }
    return undefined
  }

  newSession(user?: string): string {
    const id = `node0${randomBytes(14).toString('hex').slice(0, 25)}.node0`
    this.#sessions.set(id, user === undefined ? {} : { user })
    const [oldest] = this.#sessions.keys()
    if (this.#sessions.size > MAX_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest)
    return id
  }

  isPassword(name: string, password: string): boolean {
    return name === this.#account.name && password === this.#account.password
  }

  crumb(user: string, session: string): string {
    return createHash('sha256').update(`${user};${session}${this.#salt}`).digest('hex')
  }

  /** Whether a POST may pass the crumb filter. API tokens need no crumb. */
  crumbIsGood(request: IncomingMessage, caller: Caller, formCrumb: string | undefined): boolean {
    if (caller.kind === 'token') return true
    const session = this.session(request)
    if (session === undefined) return false
    const given = request.headers['jenkins-crumb'] ?? formCrumb
    return given === this.crumb('name' in caller ? caller.name : 'anonymous', session)
  }
}
