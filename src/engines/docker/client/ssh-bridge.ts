import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type SshTarget = { readonly destination: string; readonly port?: number; readonly program: string }

/** A socket that leads to a daemon behind ssh. */
export type SshBridge = { readonly path: string; close(): Promise<void> }

/**
 * ssh asks nothing: there is nobody to answer. A connection that is silent for three times 15 s is given up, so that a daemon behind a dead
 * path is known to be silent. Everything else (keys, hosts, jumps) is the user's own ssh configuration.
 */
const SSH_OPTIONS = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10', '-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=3', '-T']

/**
 * Opens a socket of our own in a directory that only this user may enter; each connection to it runs the system's ssh with Docker's own
 * `docker system dial-stdio` on the far side, as Docker's client does. `ControlMaster` in the user's configuration makes further ones cheap.
 */
export const openSshBridge = async (target: SshTarget, onSaid: (line: string) => void): Promise<SshBridge> => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-ssh-'))
  const path = join(directory, 'docker.sock')
  const open = new Set<Socket>()
  const server = createServer(socket => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    carry(socket, target, onSaid)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  server.unref()
  return {
    path,
    close: async () => {
      for (const socket of open) socket.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
      await rm(directory, { recursive: true, force: true })
    },
  }
}

const carry = (socket: Socket, { destination, port, program }: SshTarget, onSaid: (line: string) => void): void => {
  const args = [...SSH_OPTIONS, ...(port === undefined ? [] : ['-p', String(port)]), '--', destination, 'docker', 'system', 'dial-stdio']
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    // The last words are the ones that tell why; a chatty banner must not grow.
    said = `${said}${chunk.toString('utf8')}`.slice(-500)
  })
  // What ssh said last comes after its end: only then is it told, and the connection ended.
  child.once('close', code => {
    if (code !== 0 && !socket.destroyed) onSaid(`ssh to ${destination} ended: ${said.trim() || `exit code ${code}`}`)
    socket.destroy()
  })
  child.once('error', cause => {
    onSaid(`ssh to ${destination} could not be started: ${cause.message}`)
    socket.destroy()
  })
  socket.once('close', () => child.kill())
  socket.on('error', () => socket.destroy())
  // A side that went away is told by `close`: what cannot be written any more is nobody's.
  child.stdin.on('error', () => undefined)
  socket.pipe(child.stdin)
  child.stdout.pipe(socket, { end: false })
}
