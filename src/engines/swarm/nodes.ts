import {
  BYTES_PER_MEBIBYTE,
  type Host,
  type HostId,
  type HostRole,
  hostId,
  type Reason,
  type TenantId,
  type Timestamp,
  tenantId,
} from '../../model/index.ts'
import { parse } from '../docker/client/answers.ts'
import { type Node, NodeDescription, NodeSpec, NodeStatus } from './answers.ts'
import { NODE_LABEL } from './names.ts'

/** What the Swarm says of one node. */
export type NodeSeen = {
  readonly nodeId: string
  readonly host: HostId
  readonly address: string
  /** active, pause or drain. */
  readonly availability: string
  readonly isReady: boolean
  readonly said: string
  readonly role: HostRole
  readonly reservedFor?: TenantId
  /** Until when builds may end, of a node that Manor drains. */
  readonly drainBy?: Timestamp
  readonly cpu: number
  readonly memoryMb: number
  readonly diskMb: number
  readonly attributes: Readonly<Record<string, string>>
}

/** Swarm knows nothing of disks. Taken where the node has no label for it: enough for a few builds, too little to trust. */
const UNKNOWN_DISK_MB = 20_480
const NANOS_PER_CORE = 1e9
/** How much of a node's id stands behind a name that an older node has already. */
const ID_CHARACTERS = 8

/** All nodes. A host's id is its node's name; of several nodes with one name, the oldest has it alone, and the others a piece of their id beside. */
export const readNodes = (nodes: readonly Node[]): readonly NodeSeen[] => {
  const taken = new Set<string>()
  return nodes
    .toSorted((a, b) => Date.parse(a.CreatedAt) - Date.parse(b.CreatedAt) || (a.ID < b.ID ? -1 : 1))
    .map(node => {
      const name = hostNameOf(node)
      const host = taken.has(name) ? `${name}-${node.ID.slice(0, ID_CHARACTERS)}` : name
      taken.add(name)
      return readNode(node, hostId(host))
    })
}

const hostNameOf = ({ ID, Description }: Node): string => parse(NodeDescription, JSON.stringify(Description)).Hostname || ID

const readNode = ({ ID, Spec, Description, Status }: Node, host: HostId): NodeSeen => {
  const { Availability, Labels } = parse(NodeSpec, JSON.stringify(Spec))
  const { Platform, Resources, Engine } = parse(NodeDescription, JSON.stringify(Description))
  const { State, Message = '', Addr = '' } = parse(NodeStatus, JSON.stringify(Status))
  const labels = Labels ?? {}
  const drainBy = Number(labels[NODE_LABEL.drainBy] ?? Number.NaN)
  const reservedFor = labels[NODE_LABEL.reservedFor] ?? ''
  const diskMb = Number(labels[NODE_LABEL.diskMb] ?? Number.NaN)
  return {
    nodeId: ID,
    host,
    // A manager whose address is not set is told as "0.0.0.0".
    address: Addr === '0.0.0.0' ? '' : Addr,
    availability: Availability,
    isReady: State === 'ready',
    said: Message,
    role: roleOf(labels[NODE_LABEL.role]),
    ...(reservedFor === '' ? {} : { reservedFor: tenantId(reservedFor) }),
    ...(Number.isFinite(drainBy) ? { drainBy } : {}),
    cpu: (Resources?.NanoCPUs ?? 0) / NANOS_PER_CORE,
    memoryMb: Math.floor((Resources?.MemoryBytes ?? 0) / BYTES_PER_MEBIBYTE),
    diskMb: Number.isFinite(diskMb) && diskMb > 0 ? diskMb : UNKNOWN_DISK_MB,
    attributes: {
      os: Platform?.OS ?? '',
      arch: { x86_64: 'x64', aarch64: 'arm64' }[Platform?.Architecture ?? ''] ?? Platform?.Architecture ?? '',
      docker: Engine?.EngineVersion ?? '',
      node: ID,
      isolation: 'container',
      ...Engine?.Labels,
      ...Object.fromEntries(Object.entries(labels).filter(([name]) => !Object.values<string>(NODE_LABEL).includes(name))),
    },
  }
}

/** Docker 20.10: older ones pass over what they do not know of a service, such as the capabilities that it is to lose. */
const OLDEST: readonly [major: number, minor: number] = [20, 10]

/** Whether a node's Docker would not hold a workload to all that Manor says of it, so that nothing is started there. */
export const isTooOld = ({ attributes }: Pick<NodeSeen, 'attributes'>): boolean => {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(attributes.docker ?? '') ?? []
  return major !== undefined && (Number(major) - OLDEST[0] || Number(minor) - OLDEST[1]) < 0
}

const roleOf = (text: string | undefined): HostRole => (text === 'controllers' || text === 'builds' ? text : 'any')

/** What Manor knows of a node's own daemon, beside what the Swarm tells. */
export type ReachSeen = {
  /** Whether it is in the engine's configuration and answers. */
  readonly isReached: boolean
  readonly hasNoNewPrivileges: boolean
}

/** A node as a host. Swarm gives workloads all that a node has, so nothing is taken off. */
export const hostOf = (node: NodeSeen, reach: ReachSeen, now: Timestamp): Host => {
  const reason = stateReason(node, now)
  return {
    id: node.host,
    engine: 'swarm',
    role: node.role,
    ...(node.reservedFor === undefined ? {} : { reservedFor: node.reservedFor }),
    capacity: { cpu: node.cpu, memoryMb: node.memoryMb, diskMb: node.diskMb },
    attributes: node.attributes,
    state: stateOf(node),
    seenAt: now,
    limits: { memory: true, cpu: false, reason: weaknesses(node, reach) },
    ...(reason === undefined ? {} : { reason }),
  }
}

const stateOf = ({ isReady, availability, drainBy }: NodeSeen): Host['state'] => {
  if (!isReady) return 'silent'
  if (availability === 'drain' || (availability === 'pause' && drainBy !== undefined)) return 'draining'
  return availability === 'pause' ? 'cordoned' : 'ready'
}

const stateReason = ({ isReady, said }: NodeSeen, since: Timestamp): Reason | undefined =>
  isReady
    ? undefined
    : {
        code: 'host-silent',
        message: `The Swarm's managers do not hear from it${said === '' ? '' : `: ${said}`}.`,
        since,
        mend: 'Look after the host and its Docker daemon; what runs there is kept until it is back. If it never will be: docker node rm --force.',
      }

const weaknesses = (node: NodeSeen, { isReached, hasNoNewPrivileges }: ReachSeen): string =>
  [
    isTooOld(node) ? `Nothing is started there: its Docker ${node.attributes.docker} is older than ${OLDEST.join('.')}.` : '',
    'A Swarm keeps the cores that a workload asks for free when it places it, and does not share them by weight afterwards.',
    'A workload may swap as much again as its memory limit, where its node has swap.',
    isReached
      ? ''
      : 'Its own daemon is not in the configuration or is silent, so memory kills are not told apart, and a grace cannot be cut short.',
    hasNoNewPrivileges ? '' : 'Its daemon lets programs gain privileges again: set "no-new-privileges": true in its configuration.',
  ]
    .filter(sentence => sentence !== '')
    .join(' ')
