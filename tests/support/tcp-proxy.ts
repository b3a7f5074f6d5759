/** A TCP proxy whose connections can be cut, or made to stand still with everything that comes after. */
import { connect, createServer, type Socket } from 'node:net'

export type TcpProxy = AsyncDisposable & {
  readonly port: number
  /** Ends all connections that stand. */
  cut(): void
  /** Nothing passes any more, in either direction, until `resume`. */
  pause(): void
  resume(): void
}

export const tcpProxy = (host: string, port: number): Promise<TcpProxy> =>
  new Promise((resolve, reject) => {
    const sockets = new Set<Socket>()
    let isPaused = false
    const server = createServer(near => {
      const far = connect(port, host)
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(one)
        if (isPaused) one.pause()
        one.on('data', data => void (other.write(data) || isPaused || pauseUntilDrained(one, other)))
        one.on('end', () => other.end())
        one.on('error', () => other.destroy())
        one.on('close', () => {
          sockets.delete(one)
          other.destroy()
        })
      }
    })
    const pauseUntilDrained = (one: Socket, other: Socket): void => {
      one.pause()
      other.once('drain', () => void (isPaused || one.resume()))
    }
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') {
        reject(new TypeError('A TCP server has a port.'))
        return
      }
      const cut = (): void => {
        for (const socket of sockets) socket.destroy()
      }
      resolve({
        port: address.port,
        cut,
        pause: () => {
          isPaused = true
          for (const socket of sockets) socket.pause()
        },
        resume: () => {
          isPaused = false
          for (const socket of sockets) socket.resume()
        },
        [Symbol.asyncDispose]: async () => {
          cut()
          await new Promise<void>(done => server.close(() => done()))
        },
      })
    })
  })
