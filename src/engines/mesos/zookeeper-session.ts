import { connect, type Socket } from 'node:net'
import type { Clock } from '../../runtime/index.ts'
import { ERROR, FrameReader, OPERATION, Reader, Writer, XID, ZooKeeperError } from './zookeeper-wire.ts'

/** As Mesos' own session: a leader that is gone is noticed within this. */
const SESSION_MS = 10_000

export type ZooKeeperAuth = { readonly scheme: 'digest'; readonly credentials: string }

export type SessionOptions = {
  readonly host: string
  readonly port: number
  readonly clock: Clock
  readonly auth?: ZooKeeperAuth
  readonly sessionMs?: number
  /** A watch fired somewhere: look again. */
  readonly onWatch: () => void
  /** The connection is gone, and with it all that was asked. Told once. */
  readonly onClosed: (cause: unknown) => void
}

type Asked = { readonly xid: number; resolve(reader: Reader): void; reject(cause: unknown): void }

/**
 * One session over one connection. It is not resumed: whoever reads leaders only needs no ephemeral node of its own, so after any loss a new
 * session that looks at everything anew is as good, and cannot be an expired one.
 */
export class ZooKeeperSession {
  readonly #options: SessionOptions
  readonly #socket: Socket
  readonly #frames = new FrameReader()
  readonly #asked: Asked[] = []
  readonly #opened = Promise.withResolvers<void>()
  #isOpen = false
  #closed: unknown
  #xid = 0
  #heardAt: number
  #timeoutMs: number
  #cancelPing: () => void = () => undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.#timeoutMs = options.sessionMs ?? SESSION_MS
    this.#heardAt = options.clock.monotonic()
    this.#opened.promise.catch(() => undefined)
    this.#socket = connect(options.port, options.host)
    this.#socket.setNoDelay(true)
    this.#socket.on('connect', () => this.#greet())
    this.#socket.on('data', data => this.#data(Buffer.from(data)))
    this.#socket.on('error', cause => this.#end(cause))
    this.#socket.on('close', () => this.#end(new ZooKeeperError(0, 'ZooKeeper closed the connection.')))
    this.#watchOver()
  }

  /** Children and, with the same call, a watch on them. Where the node is not there, a watch for its coming, and undefined. */
  async childrenAndWatch(path: string): Promise<readonly string[] | undefined> {
    for (;;) {
      const children = await unlessMissing(this.#ask(OPERATION.getChildren2, writer => writer.text(path).bool(true)))
      if (children !== undefined) return children.texts()
      // Where it has come meanwhile, this watch is not one on its children.
      const node = await unlessMissing(this.#ask(OPERATION.exists, writer => writer.text(path).bool(true)))
      if (node === undefined) return undefined
    }
  }

  /** What a node holds, or undefined where it is gone. */
  async data(path: string): Promise<Buffer | undefined> {
    return (await unlessMissing(this.#ask(OPERATION.getData, writer => writer.text(path).bool(false))))?.buffer()
  }

  /** Any other operation; for tests, which need nodes to be there. */
  async request(operation: number, fill: (writer: Writer) => Writer): Promise<Reader> {
    return this.#ask(operation, fill)
  }

  close(): void {
    if (this.#closed === undefined && this.#isOpen)
      this.#socket.write(
        new Writer()
          .int(++this.#xid)
          .int(OPERATION.close)
          .frame(),
      )
    this.#end(new ZooKeeperError(0, 'The session with ZooKeeper was closed.'))
  }

  #greet(): void {
    this.#socket.write(new Writer().int(0).long(0n).int(this.#timeoutMs).long(0n).buffer(Buffer.alloc(16)).bool(true).frame())
  }

  #data(data: Buffer): void {
    this.#heardAt = this.#options.clock.monotonic()
    try {
      for (const frame of this.#frames.push(data)) this.#frame(new Reader(frame))
    } catch (cause) {
      this.#end(cause)
    }
  }

  #frame(reader: Reader): void {
    if (!this.#isOpen) {
      reader.int()
      const timeoutMs = reader.int()
      if (timeoutMs <= 0) throw new ZooKeeperError(ERROR.sessionExpired, 'ZooKeeper gave no session.')
      this.#timeoutMs = timeoutMs
      this.#isOpen = true
      const { auth } = this.#options
      if (auth !== undefined)
        this.#socket.write(
          new Writer().int(XID.auth).int(OPERATION.auth).int(0).text(auth.scheme).buffer(Buffer.from(auth.credentials)).frame(),
        )
      this.#opened.resolve()
      return
    }
    const xid = reader.int()
    reader.long()
    const error = reader.int()
    if (xid === XID.ping) return
    if (xid === XID.auth) {
      if (error !== ERROR.ok) throw new ZooKeeperError(error, 'ZooKeeper does not take the user and password of its address.')
      return
    }
    if (xid === XID.notification) {
      this.#options.onWatch()
      return
    }
    // Answers come in the order of the questions.
    const asked = this.#asked.shift()
    if (asked?.xid !== xid) throw new ZooKeeperError(0, 'ZooKeeper answered something that was not asked.')
    if (error === ERROR.ok) asked.resolve(reader)
    else asked.reject(new ZooKeeperError(error, `ZooKeeper answered with error ${error}.`))
  }

  async #ask(operation: number, fill: (writer: Writer) => Writer): Promise<Reader> {
    await this.#opened.promise
    if (this.#closed !== undefined) throw this.#closed
    const xid = ++this.#xid
    return new Promise((resolve, reject) => {
      this.#asked.push({ xid, resolve, reject })
      this.#socket.write(fill(new Writer().int(xid).int(operation)).frame())
    })
  }

  /** Pings thrice in a session's time, and ends what has been silent for two thirds of it: ZooKeeper will have given it up soon. */
  #watchOver(): void {
    this.#cancelPing = this.#options.clock.after(this.#timeoutMs / 3, () => {
      if (this.#options.clock.monotonic() - this.#heardAt > (this.#timeoutMs * 2) / 3) {
        this.#end(new ZooKeeperError(0, 'ZooKeeper has been silent for too long.'))
        return
      }
      if (this.#isOpen) this.#socket.write(new Writer().int(XID.ping).int(OPERATION.ping).frame())
      this.#watchOver()
    })
  }

  #end(cause: unknown): void {
    if (this.#closed !== undefined) return
    this.#closed = cause
    this.#cancelPing()
    this.#socket.destroySoon()
    this.#opened.reject(cause)
    for (const { reject } of this.#asked.splice(0)) reject(cause)
    this.#options.onClosed(cause)
  }
}

const unlessMissing = async (answer: Promise<Reader>): Promise<Reader | undefined> => {
  try {
    return await answer
  } catch (cause) {
    if (cause instanceof ZooKeeperError && cause.code === ERROR.noNode) return undefined
    throw cause
  }
}
