/** What tests of the hook do with a controller from outside: its pages' calls, as its administrator, without any of Manor. */
import { TEST_SECRETS } from './hudson.ts'

export const ADMIN = { name: 'manor', password: TEST_SECRETS.adminPassword } as const

export type Shell = {
  readonly command: string
  /** Absent: the job may run anywhere. */
  readonly label?: string
}

/** Calls a controller's pages; without credentials where they are null. */
export class PagesClient {
  readonly #url: string
  readonly #authorization: string | undefined

  constructor(url: string, credentials: { readonly name: string; readonly password: string } | null = ADMIN) {
    this.#url = url
    this.#authorization =
      credentials === null ? undefined : `Basic ${Buffer.from(`${credentials.name}:${credentials.password}`).toString('base64')}`
  }

  request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }), ...init.headers }
    return fetch(this.#url + path, { redirect: 'manual', ...init, headers })
  }

  async json<T>(path: string): Promise<T> {
    const response = await this.request(path)
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }

  async createJob(name: string, { command, label }: Shell): Promise<void> {
    const where = label === undefined ? '<canRoam>true</canRoam>' : `<assignedNode>${label}</assignedNode><canRoam>false</canRoam>`
    const xml = `<project><builders><hudson.tasks.Shell><command>${command}</command></hudson.tasks.Shell></builders>${where}</project>`
    await this.#post(`createItem?name=${name}`, xml, 'application/xml')
  }

  async build(job: string): Promise<void> {
    await this.#post(`job/${job}/build?delay=0sec`, '', 'application/x-www-form-urlencoded')
  }

  post(path: string): Promise<string> {
    return this.#post(path, '', 'application/x-www-form-urlencoded')
  }

  /** Runs a Groovy script inside the controller and returns what it prints. */
  async script(source: string): Promise<string> {
    return (await this.#post('scriptText', new URLSearchParams({ script: source }).toString(), 'application/x-www-form-urlencoded')).trim()
  }

  async #post(path: string, body: string, type: string): Promise<string> {
    const response = await this.request(path, { method: 'POST', body, headers: { 'content-type': type } })
    const answer = await response.text()
    if (response.status >= 400) throw new Error(`POST ${path}: ${response.status} ${answer}`)
    return answer
  }
}
