import type { Readable } from 'node:stream'
import type { Milliseconds } from '../../model/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { compareVersions } from '../docker/client/api-version.ts'
import type { DockerClient } from '../docker/client/client.ts'
import { DaemonSilent, DockerError, hasStatus } from '../docker/client/errors.ts'
import type { Call } from '../docker/client/transport.ts'
import { EngineError } from '../engine.ts'

/** A manager that did not answer is asked last for so long. */
const AVOID_MS = 15_000
/** Docker 20.10. Older ones pass over what they do not know of a service: that it loses its capabilities, has an init, may make so many processes. */
const OLDEST_API = '1.41'
/** What a manager says that cannot reach the others, or is none: another one may know more. */
const NO_QUORUM =
  /does not have a leader|too few managers|code = (Unavailable|DeadlineExceeded)|context deadline exceeded|lost leader|raft/i
const NOT_A_MANAGER = /not a swarm manager|not part of a swarm|is locked|swarm is encrypted/i

/** Whether the Swarm itself could not do it for now, whoever is asked. */
export const isLeaderless = (cause: unknown): boolean => hasStatus(cause, 500, 503) && NO_QUORUM.test(String(cause))

/** Whether another daemon may do better: this one is silent, has lost the others, or was never a manager. */
export const mayAskAnother = (cause: unknown): boolean =>
  cause instanceof DaemonSilent ||
  isLeaderless(cause) ||
  hasStatus(cause, 502, 504) ||
  (hasStatus(cause, 406, 503) && NOT_A_MANAGER.test(String(cause)))

/**
 * One Swarm behind several of its daemons. Each call goes to the one that answered last, and on to the next where that is silent, has no leader
 * or is no manager. Everything that is asked through it may be asked twice.
 */
export class Managers {
  readonly #clients: readonly DockerClient[]
  readonly #clock: Clock
  readonly #timeoutMs: Milliseconds
  readonly #avoidUntil = new Map<DockerClient, number>()
  #current = 0

  /** `timeoutMs` is how long one of them may take before the next is asked. */
  constructor(clients: readonly DockerClient[], clock: Clock, timeoutMs: Milliseconds) {
    this.#clients = clients
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  async call(call: Call, signal: AbortSignal): Promise<string> {
    return this.#ask(async client => (await client.call({ timeoutMs: this.#timeoutMs, ...call }, signal)).text, signal)
  }

  open(call: Call, signal: AbortSignal): Promise<Readable> {
    return this.#ask(client => client.open({ timeoutMs: this.#timeoutMs, ...call }, signal), signal)
  }

  async #ask<Result>(ask: (client: DockerClient) => Promise<Result>, signal: AbortSignal): Promise<Result> {
    let last: unknown
    for (const client of this.#inOrder()) {
      signal.throwIfAborted()
      try {
        checkVersion(client.address, await client.version(signal))
        const result = await ask(client)
        this.#current = this.#clients.indexOf(client)
        this.#avoidUntil.delete(client)
        return result
      } catch (cause) {
        signal.throwIfAborted()
        if (!(mayAskAnother(cause) || isTooOld(cause))) throw cause
        this.#avoidUntil.set(client, this.#clock.monotonic() + AVOID_MS)
        // What a manager said of its Swarm tells more than that some worker is none.
        if (last === undefined || !isNoManager(cause)) last = cause
      }
    }
    throw last
  }

  /** The current one first, those that failed lately last. */
  #inOrder(): readonly DockerClient[] {
    const now = this.#clock.monotonic()
    const turned = [...this.#clients.slice(this.#current), ...this.#clients.slice(0, this.#current)]
    const isAvoided = (client: DockerClient): boolean => (this.#avoidUntil.get(client) ?? 0) > now
    return [...turned.filter(client => !isAvoided(client)), ...turned.filter(isAvoided)]
  }
}

/** Only the version that is spoken is refused in this form here. */
const isTooOld = (cause: unknown): boolean => cause instanceof EngineError

/** Throws an EngineError for a manager that is too old. */
const checkVersion = (address: string, version: string): void => {
  if (compareVersions(version, OLDEST_API) >= 0) return
  throw new EngineError(
    {
      code: 'invalid-spec',
      message: `The Docker daemon at ${address} speaks API ${version}, and a Swarm's managers must speak ${OLDEST_API}.`,
      mend: 'Update it to Docker 20.10 or newer.',
    },
    false,
  )
}

const isNoManager = (cause: unknown): boolean => cause instanceof DockerError && NOT_A_MANAGER.test(cause.message)
