import type { CredentialsView } from '../../src/api/contract.ts'
import type { RunningManor } from './manor-process.ts'
import { waitFor } from './wait.ts'

export type BuildState = { readonly building: boolean; readonly result: string | null; readonly number: number; readonly builtOn: string }

/** A Manor, whoever started it. */
type Reached = Pick<RunningManor, 'url' | 'post'>

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** The jobs of one controller, through Manor's router, as its administrator: what a person would do in the pages. */
export class Jobs {
  readonly #manor: Reached
  readonly #controller: string
  readonly #authorization: string

  private constructor(manor: Reached, controller: string, authorization: string) {
    this.#manor = manor
    this.#controller = controller
    this.#authorization = authorization
  }

  static async of(manor: Reached, controller: string): Promise<Jobs> {
    const { user, password } = await manor.post<CredentialsView>(`/api/v1/controllers/${controller}/credentials`, {})
    return new Jobs(manor, controller, `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`)
  }

  /** The same jobs through another run of Manor. */
  through(manor: Reached): Jobs {
    return new Jobs(manor, this.#controller, this.#authorization)
  }

  request(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.#manor.url}/${this.#controller}${path}`, {
      redirect: 'manual',
      ...init,
      headers: { authorization: this.#authorization, ...init.headers },
    })
  }

  async create(job: string, command: string, label: string | undefined): Promise<void> {
    const assigned =
      label === undefined ? '<canRoam>true</canRoam>' : `<assignedNode>${escaped(label)}</assignedNode><canRoam>false</canRoam>`
    const xml = `<project><builders><hudson.tasks.Shell><command>${escaped(command)}</command></hudson.tasks.Shell></builders>${assigned}</project>`
    const response = await this.request(`/createItem?name=${job}`, {
      method: 'POST',
      body: xml,
      headers: { 'content-type': 'application/xml' },
    })
    if (response.status !== 200) throw new Error(`createItem ${job}: ${response.status} ${await response.text()}`)
  }

  async build(job: string): Promise<void> {
    const response = await this.request(`/job/${job}/build?delay=0sec`, { method: 'POST' })
    if (response.status >= 400) throw new Error(`build ${job}: ${response.status} ${await response.text()}`)
  }

  /** Undefined where there is no such build yet. */
  async state(job: string, number: number): Promise<BuildState | undefined> {
    const response = await this.request(`/job/${job}/${number}/api/json`)
    if (response.status === 404) return undefined
    if (!response.ok) throw new Error(`build ${job} ${number}: ${response.status}`)
    return (await response.json()) as BuildState
  }

  async log(job: string, number: number): Promise<string> {
    return (await this.request(`/job/${job}/${number}/consoleText`)).text()
  }

  /** Resolves to the build once it is over. */
  finished(job: string, number: number, withinMs = 120_000): Promise<BuildState> {
    let seen: BuildState | undefined
    return waitFor(
      async () => {
        seen = await this.state(job, number)
        return seen && !seen.building && seen.result !== null ? seen : undefined
      },
      { what: `build ${number} of ${this.#controller}/${job} ends`, withinMs, everyMs: 200, seen: () => seen },
    )
  }
}
