/**
 * The Swarm's part of the Docker Engine API (api/swagger.yaml of moby/moby): services, tasks, nodes, secrets, configs and overlays. Errors as of
 * the Docker client: the signal's own reason, DaemonSilent where no manager answered, DockerError where one refused.
 */
import type { Readable } from 'node:stream'
import { type Static, type TSchema, Type } from 'typebox'
import { Network, parse } from '../docker/client/answers.ts'
import { absentAsUndefined, DockerError, hasStatus } from '../docker/client/errors.ts'
import { Kept, Made, Node, Service, Task, type WholeSpec } from './answers.ts'
import type { Managers } from './managers.ts'

type Filters = Readonly<Record<string, readonly string[]>>

/** Somebody else changed the object between our look and our change (swarmkit's optimistic lock); tried again with what is there now. */
const OUT_OF_SEQUENCE = /out of sequence/i
/** Each try needs another writer in the same milliseconds. */
const MAX_UPDATES = 8

export type KeptKind = 'secrets' | 'configs'

export class SwarmClient {
  readonly #managers: Managers

  constructor(managers: Managers) {
    this.#managers = managers
  }

  services(label: string, signal: AbortSignal): Promise<Service[]> {
    return this.#list(Service, '/services', { label: [label] }, signal)
  }

  /** Undefined where there is none. */
  service(idOrName: string, signal: AbortSignal): Promise<Service | undefined> {
    return absentAsUndefined(this.#get(Service, `/services/${encodeURIComponent(idOrName)}`, {}, signal))
  }

  /** Resolves to its id. A DockerError of 409 says that the name is taken. `auth` is the header for the image's registry. */
  async createService(spec: unknown, auth: string | undefined, signal: AbortSignal): Promise<string> {
    const headers = auth === undefined ? {} : { 'x-registry-auth': auth }
    return idIn(await this.#managers.call({ method: 'POST', path: '/services/create', headers, body: JSON.stringify(spec) }, signal))
  }

  /** Changes a service as it is now. `change` gives undefined where there is nothing to change. Of one that is gone: resolves. */
  async changeService(idOrName: string, change: (spec: WholeSpec) => WholeSpec | undefined, signal: AbortSignal): Promise<void> {
    await this.#change(() => this.service(idOrName, signal), 'services', change, signal)
  }

  async removeService(id: string, signal: AbortSignal): Promise<void> {
    await absentAsUndefined(this.#managers.call({ method: 'DELETE', path: `/services/${encodeURIComponent(id)}` }, signal))
  }

  /** Both streams of its tasks, in frames (LogFrames). */
  async serviceLogs(id: string, lines: number, signal: AbortSignal): Promise<Readable> {
    const query = { stdout: '1', stderr: '1', tail: String(lines) }
    return this.#managers.open({ method: 'GET', path: `/services/${id}/logs`, query }, signal)
  }

  tasks(filters: Filters, signal: AbortSignal): Promise<Task[]> {
    return this.#list(Task, '/tasks', filters, signal)
  }

  nodes(signal: AbortSignal): Promise<Node[]> {
    return this.#list(Node, '/nodes', {}, signal)
  }

  async changeNode(id: string, change: (spec: WholeSpec) => WholeSpec | undefined, signal: AbortSignal): Promise<void> {
    const read = () => absentAsUndefined(this.#get(Node, `/nodes/${encodeURIComponent(id)}`, {}, signal))
    await this.#change(read, 'nodes', change, signal)
  }

  kept(kind: KeptKind, labels: readonly string[], signal: AbortSignal): Promise<Kept[]> {
    return this.#list(Kept, `/${kind}`, { label: labels }, signal)
  }

  /** Resolves to its id. Of one that is there by this name already: to that one's, whatever it holds. */
  async keep(
    kind: KeptKind,
    name: string,
    labels: Readonly<Record<string, string>>,
    data: Uint8Array,
    signal: AbortSignal,
  ): Promise<string> {
    const body = JSON.stringify({ Name: name, Labels: labels, Data: Buffer.from(data).toString('base64') })
    try {
      return idIn(await this.#managers.call({ method: 'POST', path: `/${kind}/create`, body }, signal))
    } catch (cause) {
      if (!hasStatus(cause, 409)) throw cause
      const [there] = await this.#list(Kept, `/${kind}`, { name: [name] }, signal)
      if (there === undefined) throw cause
      return there.ID
    }
  }

  /** False where a service still uses it. */
  async forget(kind: KeptKind, id: string, signal: AbortSignal): Promise<boolean> {
    return this.#unlessUsed(`/${kind}/${id}`, signal)
  }

  networks(label: string, signal: AbortSignal): Promise<Network[]> {
    return this.#list(Network, '/networks', { label: [label], driver: ['overlay'] }, signal)
  }

  /** A DockerError of 409 says that there is one by this name. */
  async createNetwork(body: unknown, signal: AbortSignal): Promise<void> {
    await this.#managers.call({ method: 'POST', path: '/networks/create', body: JSON.stringify(body) }, signal)
  }

  /** False where a service still uses it. */
  removeNetwork(id: string, signal: AbortSignal): Promise<boolean> {
    return this.#unlessUsed(`/networks/${id}`, signal)
  }

  async #unlessUsed(path: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#managers.call({ method: 'DELETE', path }, signal)
      return true
    } catch (cause) {
      if (hasStatus(cause, 404)) return true
      if (cause instanceof DockerError && /in use/i.test(cause.message)) return false
      throw cause
    }
  }

  async #change(
    read: () => Promise<Service | Node | undefined>,
    kind: 'services' | 'nodes',
    change: (spec: WholeSpec) => WholeSpec | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    for (let tries = 1; ; tries++) {
      const there = await read()
      const wanted = there === undefined ? undefined : change(there.Spec)
      if (there === undefined || wanted === undefined) return
      const call = { method: 'POST', path: `/${kind}/${there.ID}/update`, query: { version: String(there.Version.Index) } } as const
      try {
        await this.#managers.call({ ...call, body: JSON.stringify(wanted) }, signal)
        return
      } catch (cause) {
        if (tries >= MAX_UPDATES || !(cause instanceof DockerError && OUT_OF_SEQUENCE.test(cause.message))) throw cause
      }
    }
  }

  #list<Schema extends TSchema>(schema: Schema, path: string, filters: Filters, signal: AbortSignal): Promise<Static<Schema>[]> {
    const query: Record<string, string> = Object.keys(filters).length === 0 ? {} : { filters: JSON.stringify(filters) }
    return this.#get(Type.Array(schema), path, query, signal)
  }

  async #get<Schema extends TSchema>(
    schema: Schema,
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Static<Schema>> {
    return parse(schema, await this.#managers.call({ method: 'GET', path, query }, signal))
  }
}

const idIn = (text: string): string => {
  const { ID, Id } = parse(Made, text)
  return ID ?? Id ?? ''
}
