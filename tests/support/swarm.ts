/**
 * A real Swarm for tests: several real Docker daemons, each in namespaces of its own (docker.ts), on one network that lives inside the first
 * one's namespace. Nothing of it is seen on the machine, and all of it is gone with the daemons.
 */
import { execFileSync } from 'node:child_process'
import { type Dockerd, importTestImage, startDockerd } from './docker.ts'
import { dockerCall } from './swarm-call.ts'

export type SwarmNode = Dockerd & {
  readonly nodeId: string
  /** On the Swarm's own network. */
  readonly address: string
}

export type RealSwarm = {
  readonly nodes: readonly SwarmNode[]
  dispose(): Promise<void>
}

export type SwarmOptions = {
  /** Of which the first `managers` are managers. */
  readonly nodes: number
  readonly managers: number
  /** How often nodes tell that they live; a node is down after three that did not come, and what ran there is ended when it is back. */
  readonly heartbeatMs?: number
}

const BRIDGE = 'manor-swarm'
const MANAGEMENT_PORT = 2377
const NANOS_PER_MS = 1e6
const addressOf = (index: number): string => `10.199.0.${index + 1}`

export const startSwarm = async ({ nodes: count, managers, heartbeatMs = 1_000 }: SwarmOptions): Promise<RealSwarm> => {
  const daemons: Dockerd[] = []
  try {
    for (let index = 0; index < count; index++) daemons.push(await startDockerd())
    const nodes = await joinUp(daemons, managers, heartbeatMs)
    return { nodes, dispose: () => disposeAll(daemons) }
  } catch (cause) {
    await disposeAll(daemons)
    throw cause
  }
}

const joinUp = async (daemons: readonly Dockerd[], managers: number, heartbeatMs: number): Promise<readonly SwarmNode[]> => {
  const [first, ...others] = daemons
  if (first === undefined) throw new TypeError('A Swarm has a node.')
  connect(daemons)
  for (const daemon of daemons) await importTestImage(daemon)
  await dockerCall(first.socket, 'POST', '/swarm/init', {
    ...ownAddress(0),
    Spec: { Dispatcher: { HeartbeatPeriod: heartbeatMs * NANOS_PER_MS }, Orchestration: { TaskHistoryRetentionLimit: 5 } },
  })
  const { JoinTokens: tokens } = await dockerCall(first.socket, 'GET', '/swarm')
  for (const [index, daemon] of others.entries())
    await dockerCall(daemon.socket, 'POST', '/swarm/join', {
      ...ownAddress(index + 1),
      RemoteAddrs: [`${addressOf(0)}:${MANAGEMENT_PORT}`],
      JoinToken: index + 1 < managers ? tokens.Manager : tokens.Worker,
    })
  return Promise.all(
    daemons.map(async (daemon, index) => {
      const { Swarm: swarm } = await dockerCall(daemon.socket, 'GET', '/info')
      // Not a copy: a daemon's process changes when it is started anew.
      return Object.assign(Object.create(daemon), { nodeId: swarm.NodeID, address: addressOf(index) })
    }),
  )
}

const ownAddress = (index: number) => ({
  ListenAddr: `${addressOf(index)}:${MANAGEMENT_PORT}`,
  AdvertiseAddr: addressOf(index),
  DataPathAddr: addressOf(index),
})

/** One bridge in the first namespace, and a pair of interfaces to each of the others. */
const connect = ([first, ...others]: readonly Dockerd[]): void => {
  if (first === undefined) return
  const inside = (holder: number, ...args: string[]): void => {
    execFileSync('nsenter', ['--target', String(holder), '--net', 'ip', ...args])
  }
  inside(first.holder, 'link', 'add', BRIDGE, 'type', 'bridge')
  inside(first.holder, 'addr', 'add', `${addressOf(0)}/24`, 'dev', BRIDGE)
  inside(first.holder, 'link', 'set', BRIDGE, 'up')
  // A daemon that starts while the bridge is there closes it to what passes from one of the others to the next.
  const through = ['-I', 'FORWARD', '-i', BRIDGE, '-o', BRIDGE, '-j', 'ACCEPT']
  execFileSync('nsenter', ['--target', String(first.holder), '--net', 'iptables', ...through])
  for (const [index, { holder }] of others.entries()) {
    const name = `manor${index + 1}`
    inside(first.holder, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'manor0', 'netns', String(holder))
    inside(first.holder, 'link', 'set', name, 'master', BRIDGE)
    inside(first.holder, 'link', 'set', name, 'up')
    inside(holder, 'addr', 'add', `${addressOf(index + 1)}/24`, 'dev', 'manor0')
    inside(holder, 'link', 'set', 'manor0', 'up')
  }
}

const disposeAll = async (daemons: readonly Dockerd[]): Promise<void> => {
  // Workers first: a manager that goes takes its time to ask the others.
  for (const daemon of daemons.toReversed()) await daemon.dispose()
}
