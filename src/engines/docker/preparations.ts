import { createReadStream } from 'node:fs'
import type { Clock } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { DockerClient } from './client/client.ts'
import { DaemonSilent, hasStatus } from './client/errors.ts'
import type { DaemonOptions } from './daemon.ts'
import { hostSilent } from './start-failure.ts'
import { type AddressPool, bridgeName, DEFAULT_POOL, gatewayIn, placeOf, subnetOf } from './subnets.ts'

export type PreparationsOptions = {
  readonly owner: string
  readonly daemons: readonly Pick<DaemonOptions, 'address' | 'tls' | 'sshProgram'>[]
  readonly clock: Clock
  readonly pool?: AddressPool
}

/** Pieces to try: others' networks lie in between, rarely more than a few in a row. */
const MAX_TRIES = 64

/** What a Manor needs of its daemons before it starts anything on them: its images there, and an address of its own that containers reach. */
export class DockerPreparations implements AsyncDisposable {
  readonly #options: PreparationsOptions
  readonly #clients: readonly DockerClient[]

  constructor(options: PreparationsOptions) {
    this.#options = options
    this.#clients = options.daemons.map(
      ({ address, tls, sshProgram }) =>
        new DockerClient({
          address,
          clock: options.clock,
          ...(tls === undefined ? {} : { tls }),
          ...(sshProgram === undefined ? {} : { sshProgram }),
        }),
    )
  }

  /** How many daemons there are, those that are silent included. */
  get daemons(): number {
    return this.#clients.length
  }

  /** What the daemons say that answer this question; of the others nothing. Rejects only with the signal's reason. */
  async heard<Result>(ask: (client: DockerClient) => Promise<Result>, signal: AbortSignal): Promise<readonly Result[]> {
    const results = await Promise.allSettled(this.#clients.map(ask))
    signal.throwIfAborted()
    return results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  }

  /** Whether every daemon that answers has an image of this name. A silent one is passed over: it is asked again by the next start. */
  async has(reference: string, signal: AbortSignal): Promise<boolean> {
    const answers = await this.#each(client => client.hasImage(reference, signal), signal)
    return answers.every(there => there !== false)
  }

  /** Brings an archive of an image to each daemon that has none of its name. */
  async load(archive: string, reference: string, signal: AbortSignal): Promise<void> {
    await this.#each(async client => {
      if (!(await client.hasImage(reference, signal))) await client.loadImages(createReadStream(archive), signal)
    }, signal)
  }

  /**
   * An address of this machine that containers of its own daemon reach, whatever network they are on: the gateway of a network on which nobody
   * is. Undefined where no daemon is on this machine.
   */
  async doorAddress(signal: AbortSignal): Promise<string | undefined> {
    const local = this.#clients.find(({ isLocal }) => isLocal)
    if (local === undefined) return undefined
    const name = `manor.door.${this.#options.owner}`
    return (await local.gatewayOf(name, signal)) ?? (await this.#makeDoor(local, name, signal))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map(client => client.close()))
  }

  async #makeDoor(client: DockerClient, name: string, signal: AbortSignal): Promise<string> {
    const { owner, pool = DEFAULT_POOL } = this.#options
    const first = placeOf(name)
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      try {
        await client.createNetwork(doorSpec(name, owner, subnetOf(pool, first + tries)), signal)
      } catch (cause) {
        if (!hasStatus(cause, 409) && !/overlap/i.test(String(cause))) throw cause
      }
      const gateway = await client.gatewayOf(name, signal)
      if (gateway !== undefined) return gateway
    }
    throw new EngineError(
      {
        code: 'quota',
        message: `No free range of addresses was found for Manor's own door in ${pool.base}/${pool.prefix}.`,
        mend: 'Say where containers reach this machine, in manor.yaml: workloads: { listen: { host: ADDRESS, port: 7071 } }.',
      },
      true,
    )
  }

  /** Asks all; rejects where none answered, or where one refused. */
  async #each<Result>(ask: (client: DockerClient) => Promise<Result>, signal: AbortSignal): Promise<(Result | undefined)[]> {
    const results = await Promise.allSettled(this.#clients.map(ask))
    signal.throwIfAborted()
    const refused = results.find(({ status }, index) => status === 'rejected' && !isSilent(results[index]))
    if (refused?.status === 'rejected') throw refused.reason
    const silent = results.find(result => result.status === 'rejected')
    if (silent?.status === 'rejected' && results.every(({ status }) => status === 'rejected'))
      throw hostSilent(`No Docker daemon answers: ${messageOf(silent.reason)}`, silent.reason)
    return results.map(result => (result.status === 'fulfilled' ? result.value : undefined))
  }
}

const isSilent = (result: PromiseSettledResult<unknown> | undefined): boolean =>
  result?.status === 'rejected' && result.reason instanceof DaemonSilent
const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const doorSpec = (name: string, owner: string, subnet: string): Record<string, unknown> => ({
  Name: name,
  CheckDuplicate: true,
  Driver: 'bridge',
  // Nobody is on it, and nobody gets out through it.
  Internal: true,
  // Said outright: of an internal network a daemon tells only what it was told.
  IPAM: { Driver: 'default', Config: [{ Subnet: subnet, Gateway: gatewayIn(subnet) }] },
  Options: { 'com.docker.network.bridge.name': bridgeName(owner, name) },
  Labels: { 'manor.door': owner },
})
