import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { FromAgent, ToAgent } from './agent-messages.ts'
import { errorPage, writeRaw } from './answers.ts'
import type { Core } from './core.ts'
import type { Node } from './model.ts'
import { agentSecret } from './secrets.ts'

/** The oldest remoting that this Jenkins takes, and what it says of its own. */
const MINIMUM_REMOTING = '3107.v665000b_51092'
const CAPABILITY = 'rO0ABXNyABpodWRzb24ucmVtb3RpbmcuQ2FwYWJpbGl0eQAAAAAAAAABAgABSgAEbWFza3hwAAAAAAAAAf4='
const PING_MS = 30_000

/** jenkins.agents.WebSocketAgents: takes agents that show the secret of a node that has none yet. */
export const createAgentEndpoint = (core: Core, key: Buffer) => {
  const sockets = new WebSocketServer({ noServer: true })
  sockets.on('headers', headers => {
    headers.push(
      `X-Remoting-Capability: ${CAPABILITY}`,
      `X-Remoting-Minimum-Version: ${MINIMUM_REMOTING}`,
      `Connection-Cookie: ${randomBytes(16).toString('hex')}`,
    )
  })

  /** What is wrong with a handshake, as status and sentence. */
  const problemOf = (name: unknown, secret: unknown, capability: unknown): { status: 400 | 403; says: string } | undefined => {
    if (typeof name !== 'string' || typeof secret !== 'string' || typeof capability !== 'string')
      return { status: 400, says: 'This endpoint is only for use from agent.jar in WebSocket mode' }
    const node = core.nodes.get(name)
    if (node === undefined) return { status: 400, says: `no such agent` }
    const expected = Buffer.from(agentSecret(key, name))
    const given = Buffer.from(secret)
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { status: 403, says: '' }
    return node.channel === undefined
      ? undefined
      : { status: 400, says: `${name} is already connected to this controller. Rejecting this connection.` }
  }

  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { 'node-name': name, 'secret-key': secret, 'x-remoting-capability': capability } = request.headers
    const problem = problemOf(name, secret, capability)
    // A wrong secret gets no page.
    if (problem?.status === 403) writeRaw(socket, 403, [['Vary', 'Accept-Encoding']], '')
    else if (problem !== undefined) {
      const { headers, body } = errorPage(problem.status, problem.says)
      writeRaw(socket, problem.status, headers, body)
    } else {
      const node = core.nodes.get(String(name))
      if (node !== undefined) sockets.handleUpgrade(request, socket, head, connection => serve(core, node, connection))
    }
  }
}

const serve = (core: Core, node: Node, connection: WebSocket): void => {
  const send = (message: ToAgent): void => connection.send(JSON.stringify(message))
  const stopPinging = pinging(core, connection)
  connection.on('message', data => {
    const message: FromAgent = JSON.parse(data.toString())
    core.hear(node, message)
  })
  connection.on('error', () => connection.terminate())
  connection.on('close', () => {
    stopPinging()
    core.disconnect(node)
  })
  core.connect(node, {
    run: (build, script, environment, workspace) => send({ type: 'run', build, script, environment, workspace }),
    close: () => connection.terminate(),
  })
}

const pinging = (core: Core, connection: WebSocket): (() => void) => {
  let cancel = (): void => undefined
  const again = (): void => {
    cancel = core.clock.after(PING_MS, () => {
      connection.ping()
      again()
    })
  }
  again()
  return () => cancel()
}
