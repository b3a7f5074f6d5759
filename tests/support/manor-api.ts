/** The API of a Manor that runs in a home, asked as its own command line asks it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export abstract class ManorApi {
  abstract readonly home: string
  abstract readonly url: string

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const token = readFileSync(join(this.home, 'run', 'token'), 'utf8').trim()
    return fetch(`${this.url}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } })
  }

  async get<T>(path: string): Promise<T> {
    const response = await this.request(path)
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    const response = await this.request(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }
}
