import { type Backoff, backoffDelay, type Clock, type Random } from '../../runtime/index.ts'
import type { LeaderDiscovery } from './discovery.ts'
import { ZooKeeperSession } from './zookeeper-session.ts'

const RECONNECT: Backoff = { firstMs: 200, factor: 2, mostMs: 10_000 }
/** The leader is looked up anew so often even if no watch fires: a watch may be lost with a server. */
const LOOK_AGAIN_MS = 30_000

export type ZooKeeperAddress = {
  readonly servers: readonly { readonly host: string; readonly port: number }[]
  readonly path: string
  /** `user:password`, for the scheme digest. */
  readonly credentials?: string
}

/** Reads `zk://user:password@host:port,host:port/path`, as Mesos takes it. Throws a TypeError that says what is wrong. */
export const readZooKeeperAddress = (address: string): ZooKeeperAddress => {
  const [, credentials, servers, path] = /^zk:\/\/(?:([^@/]+)@)?([^/]+)(\/.*)$/.exec(address) ?? []
  if (servers === undefined || path === undefined || path.replace(/\/+$/, '') === '')
    throw new TypeError(`"${address}" is no address of ZooKeeper: give zk://HOST:PORT,HOST:PORT/PATH.`)
  return {
    servers: servers.split(',').map(server => {
      const [, host, port] = /^(.+?)(?::(\d+))?$/.exec(server) ?? []
      return { host: (host ?? server).replace(/^\[|\]$/g, ''), port: Number(port ?? 2181) }
    }),
    path: path.replace(/\/+$/, ''),
    ...(credentials === undefined ? {} : { credentials }),
  }
}

/** Nodes of candidates: JSON since Mesos 0.24, with a number that grows; the lowest leads. */
const CANDIDATE = /^json\.info_(-?\d+)$/

/** Candidates by age, the leader first: by number as Mesos has it, which goes on below zero after 2^31 (ZooKeeper counts in 32 bits). */
export const candidatesByAge = (children: readonly string[]): string[] =>
  children.filter(name => CANDIDATE.test(name)).toSorted((a, b) => Number(CANDIDATE.exec(a)?.[1]) - Number(CANDIDATE.exec(b)?.[1]))

/** Where a candidate answers, out of what it wrote; undefined where it wrote nothing of use. */
export const originOfCandidate = (data: string, scheme: string): string | undefined => {
  try {
    const info: unknown = JSON.parse(data)
    if (typeof info !== 'object' || info === null) return undefined
    const { address, hostname, port } = info as {
      address?: { hostname?: string; ip?: string; port?: number }
      hostname?: string
      port?: number
    }
    // The older fields' `ip` is a number in the order of one machine's bytes: it is not read.
    // A certificate is for the name, while only the number is sure to be reached from here.
    const host = (scheme === 'https' ? address?.hostname : undefined) ?? address?.ip ?? address?.hostname ?? hostname
    const at = address?.port ?? port
    if (host === undefined || at === undefined) return undefined
    return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${at}`
  } catch {
    return undefined
  }
}

export type ZooKeeperDiscoveryOptions = {
  readonly address: ZooKeeperAddress
  readonly clock: Clock
  readonly random: Random
  readonly scheme?: 'http' | 'https'
  readonly sessionMs?: number
  readonly onWarning: (message: string, cause?: unknown) => void
}

/** The leader as Mesos' candidates have it in ZooKeeper. While ZooKeeper cannot be asked, nobody is known to lead. */
export class ZooKeeperDiscovery implements LeaderDiscovery {
  readonly #options: ZooKeeperDiscoveryOptions
  readonly #followers = new Set<(origin: string | undefined) => void>()
  #leader: string | undefined
  #session: ZooKeeperSession | undefined
  #server = 0
  #failures = 0
  #looking = false
  #lookAgain = false
  #cancelTimer: () => void = () => undefined

  constructor(options: ZooKeeperDiscoveryOptions) {
    this.#options = options
  }

  follow(onLeader: (origin: string | undefined) => void): () => void {
    this.#followers.add(onLeader)
    onLeader(this.#leader)
    if (this.#followers.size === 1) this.#connect()
    return () => {
      this.#followers.delete(onLeader)
      if (this.#followers.size === 0) this.#end()
    }
  }

  failed(): void {
    // What ZooKeeper says stands; but it may have changed unseen.
    void this.#look()
  }

  #connect(): void {
    const { address, clock, sessionMs } = this.#options
    const server = address.servers[this.#server++ % address.servers.length]
    if (server === undefined) return
    const session = new ZooKeeperSession({
      ...server,
      clock,
      ...(sessionMs === undefined ? {} : { sessionMs }),
      ...(address.credentials === undefined ? {} : { auth: { scheme: 'digest', credentials: address.credentials } }),
      onWatch: () => void this.#look(),
      onClosed: cause => {
        if (this.#session !== session) return
        this.#session = undefined
        this.#tell(undefined)
        this.#options.onWarning('The session with ZooKeeper ended; a new one is opened.', cause)
        this.#cancelTimer()
        this.#cancelTimer = clock.after(backoffDelay(RECONNECT, ++this.#failures, this.#options.random), () => this.#connect())
      },
    })
    this.#session = session
    void this.#look()
  }

  #end(): void {
    this.#cancelTimer()
    const session = this.#session
    this.#session = undefined
    session?.close()
    this.#leader = undefined
  }

  /** Looks once; what happens meanwhile is looked at once more afterwards. */
  async #look(): Promise<void> {
    if (this.#looking) {
      this.#lookAgain = true
      return
    }
    this.#looking = true
    try {
      do {
        this.#lookAgain = false
        await this.#lookOnce()
      } while (this.#lookAgain)
    } finally {
      this.#looking = false
    }
  }

  async #lookOnce(): Promise<void> {
    const session = this.#session
    if (session === undefined) return
    try {
      const origin = await this.#leaderOf(session)
      if (this.#session !== session) return
      this.#failures = 0
      this.#tell(origin)
      this.#cancelTimer()
      this.#cancelTimer = this.#options.clock.after(LOOK_AGAIN_MS, () => void this.#look())
    } catch (cause) {
      // A connection that is gone has been told of already; on one that is not, this cannot be asked.
      if (this.#session === session) {
        this.#options.onWarning('ZooKeeper did not say who leads.', cause)
        session.close()
      } else this.#lookAgain = this.#session !== undefined
    }
  }

  async #leaderOf(session: ZooKeeperSession): Promise<string | undefined> {
    const { address, scheme = 'http' } = this.#options
    const children = await session.childrenAndWatch(address.path)
    // A candidate may vanish between the list and the look: then the watch fires, and the list is read again.
    const [first] = candidatesByAge(children ?? [])
    if (first === undefined) return undefined
    const data = await session.data(`${address.path}/${first}`)
    return data === undefined ? undefined : originOfCandidate(data.toString('utf8'), scheme)
  }

  #tell(origin: string | undefined): void {
    if (origin === this.#leader) return
    this.#leader = origin
    for (const follower of this.#followers) follower(origin)
  }
}
