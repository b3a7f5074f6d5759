/**
 * A thin client of the Docker Engine API (api/swagger.yaml of moby/moby), from 1.40 up: what the engines need of it and nothing more. Every
 * call takes a signal and has a deadline. Errors: the signal's own reason, DaemonSilent where there was no answer, DockerError where the daemon
 * refused, EngineError where it is too old.
 */
import type { Readable } from 'node:stream'
import type { Static, TSchema } from 'typebox'
import { Type } from 'typebox'
import type { ImageReference } from '../../../model/index.ts'
import {
  Created,
  DaemonEvent,
  Image,
  ImageId,
  Info,
  Inspected,
  Network,
  Progress,
  parse,
  Stats,
  Summary,
  type Volume,
  Volumes,
} from './answers.ts'
import { compareVersions, negotiate } from './api-version.ts'
import { absentAsUndefined, DockerError, hasStatus } from './errors.ts'
import { LineSplitter } from './frames.ts'
import { pullQuery } from './image-reference.ts'
import { type Answer, type Call, Transport, type TransportOptions } from './transport.ts'
import { untilAborted } from './until-aborted.ts'

/** A pull brings gigabytes over slow lines; what hangs for good ends here. */
export const PULL_TIMEOUT_MS = 30 * 60_000
/** A daemon that does not answer this is asked again by whoever comes next. */
const PING_TIMEOUT_MS = 5_000
/** From which version statistics come at once instead of after a second. */
const ONE_SHOT_SINCE = '1.41'

type Filters = Readonly<Record<string, readonly string[]>>
const filtersOf = (filters: Filters): string => JSON.stringify(filters)

export type EventsOptions = {
  readonly filters: Filters
  /** Seconds since the epoch with up to nine decimals. */
  readonly since?: string
  readonly until?: string
}

export class DockerClient {
  readonly address: string
  /** Whether the daemon is on this machine: its socket is. */
  readonly isLocal: boolean
  readonly #transport: Transport
  readonly #never = new AbortController().signal
  #version: Promise<string> | undefined

  constructor(options: TransportOptions) {
    this.address = options.address
    this.#transport = new Transport(options)
    this.isLocal = this.#transport.address.kind === 'unix'
  }

  /** Asks whether the daemon is there. */
  async ping(signal: AbortSignal, timeoutMs?: number): Promise<void> {
    await this.#transport.text({ method: 'GET', path: '/_ping', ...(timeoutMs === undefined ? {} : { timeoutMs }) }, signal)
  }

  /** The version that is spoken; asked of the daemon once. */
  version(signal: AbortSignal): Promise<string> {
    // All who come share one question, so it is bound to the signal of none of them.
    this.#version ??= this.#negotiate(this.#never).catch(cause => {
      this.#version = undefined
      throw cause
    })
    return untilAborted(this.#version, signal)
  }

  info(signal: AbortSignal, timeoutMs?: number): Promise<Info> {
    return this.#get(Info, '/info', {}, signal, timeoutMs)
  }

  /** All containers with these labels (`name=value`), ended ones included. */
  listContainers(labels: readonly string[], signal: AbortSignal, timeoutMs?: number): Promise<Summary[]> {
    return this.#get(Type.Array(Summary), '/containers/json', { all: '1', filters: filtersOf({ label: labels }) }, signal, timeoutMs)
  }

  /** Undefined where there is no such container. */
  inspectContainer(idOrName: string, signal: AbortSignal): Promise<Inspected | undefined> {
    return absentAsUndefined(this.#get(Inspected, `/containers/${encodeURIComponent(idOrName)}/json`, {}, signal))
  }

  /** Resolves to the container's id. A DockerError of 409 says that the name is taken, of 404 that the image is not there. */
  async createContainer(name: string, body: unknown, signal: AbortSignal): Promise<string> {
    const { text } = await this.#call({ method: 'POST', path: '/containers/create', query: { name }, body: JSON.stringify(body) }, signal)
    return parse(Created, text).Id
  }

  /** Of one that runs already: resolves. */
  async startContainer(id: string, signal: AbortSignal, timeoutMs?: number): Promise<void> {
    await this.#call({ method: 'POST', path: `/containers/${id}/start`, ...(timeoutMs === undefined ? {} : { timeoutMs }) }, signal)
  }

  /** Sends a signal. False where the container does not run or is not there. */
  async killContainer(id: string, name: string, signal: AbortSignal, timeoutMs?: number): Promise<boolean> {
    const call = { method: 'POST', path: `/containers/${id}/kill`, query: { signal: name } } as const
    try {
      await this.#call({ ...call, ...(timeoutMs === undefined ? {} : { timeoutMs }) }, signal)
      return true
    } catch (cause) {
      // 404: not there; 409: does not run. Older daemons say the latter with 500.
      if (hasStatus(cause, 404, 409) || (hasStatus(cause, 500) && /is not running/.test(String(cause)))) return false
      throw cause
    }
  }

  /** Takes a container and its anonymous volumes away. Of one that is not there: resolves. One that runs: only with `force`. */
  async removeContainer(id: string, force: boolean, signal: AbortSignal): Promise<void> {
    const query = { v: '1', ...(force ? { force: '1' } : {}) }
    try {
      await this.#call({ method: 'DELETE', path: `/containers/${id}`, query }, signal)
    } catch (cause) {
      // Somebody else is removing it at this moment.
      if (!hasStatus(cause, 404) && !(hasStatus(cause, 409) && /removal of container .* is already in progress/i.test(String(cause))))
        throw cause
    }
  }

  /** Unpacks a tar archive in a directory of a container, started or not. */
  async putArchive(id: string, path: string, archive: Uint8Array, signal: AbortSignal): Promise<void> {
    const headers = { 'content-type': 'application/x-tar' }
    await this.#call({ method: 'PUT', path: `/containers/${id}/archive`, query: { path }, body: archive, headers }, signal)
  }

  /** The last lines of both streams, in frames (LogFrames). */
  async logs(id: string, lines: number, signal: AbortSignal): Promise<Readable> {
    const query = { stdout: '1', stderr: '1', tail: String(lines) }
    return (await this.#stream({ method: 'GET', path: `/containers/${id}/logs`, query }, signal)).body
  }

  async stats(id: string, signal: AbortSignal): Promise<Stats | undefined> {
    const oneShot = compareVersions(await this.version(signal), ONE_SHOT_SINCE) >= 0
    const query = { stream: '0', ...(oneShot ? { 'one-shot': '1' } : {}) }
    return absentAsUndefined(this.#get(Stats, `/containers/${id}/stats`, query, signal))
  }

  /** Undefined where there is no such image. */
  async imageId(name: string, signal: AbortSignal): Promise<string | undefined> {
    return (await absentAsUndefined(this.#get(ImageId, `/images/${encodeURI(name)}/json`, {}, signal)))?.Id
  }

  async hasImage(name: string, signal: AbortSignal): Promise<boolean> {
    return (await this.imageId(name, signal)) !== undefined
  }

  /** Names of the images that are there: those with a tag, and those with a digest. */
  async imageNames(signal: AbortSignal): Promise<{ readonly tags: readonly string[]; readonly digests: readonly string[] }> {
    const images = await this.#get(Type.Array(Image), '/images/json', {}, signal)
    const isNamed = (name: string): boolean => !name.startsWith('<none>')
    return {
      tags: images.flatMap(({ RepoTags }) => RepoTags ?? []).filter(isNamed),
      digests: images.flatMap(({ RepoDigests }) => RepoDigests ?? []).filter(isNamed),
    }
  }

  /** Brings an image. The answer is 200 before anything was tried: an error comes as a line of the stream, and the stream may just end. */
  async pullImage(image: ImageReference, auth: string | undefined, onStep: (step: string) => void, signal: AbortSignal): Promise<void> {
    const headers = auth === undefined ? {} : { 'x-registry-auth': auth }
    const call = { method: 'POST', path: '/images/create', query: pullQuery(image), headers, timeoutMs: PULL_TIMEOUT_MS } as const
    for await (const line of linesOf((await this.#stream(call, signal)).body)) {
      const { status, error, errorDetail } = parse(Progress, line)
      const wrong = errorDetail?.message ?? error
      if (wrong !== undefined) throw new DockerError(200, wrong)
      if (status !== undefined) onStep(status)
    }
  }

  /** Brings images from an archive (`docker save`). As with a pull, an error comes as a line of the 200's stream. */
  async loadImages(archive: Readable, signal: AbortSignal): Promise<void> {
    const headers = { 'content-type': 'application/x-tar' }
    const call = {
      method: 'POST',
      path: '/images/load',
      query: { quiet: '1' },
      headers,
      body: archive,
      timeoutMs: PULL_TIMEOUT_MS,
    } as const
    for await (const line of linesOf((await this.#stream(call, signal)).body)) {
      const { error, errorDetail } = parse(Progress, line)
      const wrong = errorDetail?.message ?? error
      if (wrong !== undefined) throw new DockerError(200, wrong)
    }
  }

  async createNetwork(body: unknown, signal: AbortSignal): Promise<void> {
    await this.#call({ method: 'POST', path: '/networks/create', body: JSON.stringify(body) }, signal)
  }

  listNetworks(labels: readonly string[], signal: AbortSignal): Promise<Network[]> {
    return this.#get(Type.Array(Network), '/networks', { filters: filtersOf({ label: labels }) }, signal)
  }

  /** The host's own address on a network; undefined where there is no such network. */
  async gatewayOf(name: string, signal: AbortSignal): Promise<string | undefined> {
    const network = await absentAsUndefined(this.#get(Network, `/networks/${encodeURIComponent(name)}`, {}, signal))
    return network?.IPAM?.Config?.[0]?.Gateway
  }

  /** False where something is connected to it. Of one that is not there: true. */
  async removeNetwork(id: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#call({ method: 'DELETE', path: `/networks/${encodeURIComponent(id)}` }, signal)
      return true
    } catch (cause) {
      if (hasStatus(cause, 404)) return true
      if (hasStatus(cause, 403, 409)) return false
      throw cause
    }
  }

  /** Of one that is there already: resolves, and its labels stay as they are. */
  async createVolume(name: string, labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
    await this.#call({ method: 'POST', path: '/volumes/create', body: JSON.stringify({ Name: name, Labels: labels }) }, signal)
  }

  async listVolumes(labels: readonly string[], signal: AbortSignal): Promise<Volume[]> {
    return (await this.#get(Volumes, '/volumes', { filters: filtersOf({ label: labels }) }, signal)).Volumes ?? []
  }

  async removeVolume(name: string, signal: AbortSignal): Promise<void> {
    await absentAsUndefined(this.#call({ method: 'DELETE', path: `/volumes/${encodeURIComponent(name)}` }, signal))
  }

  /** The body of the stream of events, one JSON object a line. */
  async events({ filters, since, until }: EventsOptions, signal: AbortSignal): Promise<Readable> {
    const query = { filters: filtersOf(filters), ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) }
    return (await this.#stream({ method: 'GET', path: '/events', query }, signal)).body
  }

  /** Events that are past and still remembered: at most the last 256 of the whole daemon. */
  async pastEvents(options: EventsOptions & { readonly until: string }, signal: AbortSignal): Promise<DaemonEvent[]> {
    const events: DaemonEvent[] = []
    for await (const line of linesOf(await this.events(options, signal))) events.push(parse(DaemonEvent, line))
    return events
  }

  /** A call of which this client knows nothing more than that its path begins with a version: how the Swarm's calls are made. */
  call(call: Call, signal: AbortSignal): Promise<{ readonly status: number; readonly text: string }> {
    return this.#call(call, signal)
  }

  /** The same, for an answer that is a stream. */
  async open(call: Call, signal: AbortSignal): Promise<Readable> {
    return (await this.#stream(call, signal)).body
  }

  close(): Promise<void> {
    return this.#transport.close()
  }

  async #negotiate(signal: AbortSignal): Promise<string> {
    const { headers } = await this.#transport.text({ method: 'GET', path: '/_ping', timeoutMs: PING_TIMEOUT_MS }, signal)
    return negotiate(headers['api-version'] ?? '', this.address)
  }

  async #get<Schema extends TSchema>(
    schema: Schema,
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
    timeoutMs?: number,
  ): Promise<Static<Schema>> {
    return parse(schema, (await this.#call({ method: 'GET', path, query, ...(timeoutMs === undefined ? {} : { timeoutMs }) }, signal)).text)
  }

  async #call(call: Call, signal: AbortSignal): Promise<{ readonly status: number; readonly text: string }> {
    return this.#transport.text({ ...call, path: `/v${await this.version(signal)}${call.path}` }, signal)
  }

  async #stream(call: Call, signal: AbortSignal): Promise<Answer> {
    return this.#transport.stream({ ...call, path: `/v${await this.version(signal)}${call.path}` }, signal)
  }
}

async function* linesOf(body: Readable): AsyncGenerator<string> {
  const splitter = new LineSplitter()
  for await (const chunk of body) yield* splitter.push(chunk)
  const last = splitter.end()
  if (last !== '') yield last
}
