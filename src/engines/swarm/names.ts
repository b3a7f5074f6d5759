import { createHash } from 'node:crypto'
import type { WorkloadId } from '../../model/index.ts'

/** Labels beside those that containers have too (docker/labels.ts). */
export const SWARM_LABEL = {
  /** Workloads with the same one reach each other: a controller and its agents share an overlay. */
  together: 'manor.together',
  shard: 'manor.shard',
} as const

/** Labels of nodes, as an operator sets them: docker node update --label-add manor.role=builds NODE. */
export const NODE_LABEL = {
  role: 'manor.role',
  reservedFor: 'manor.reserved-for',
  diskMb: 'manor.disk-mb',
  /** Set by Manor: until when builds may end on a node that is being drained, in milliseconds since the epoch. */
  drainBy: 'manor.drain-by',
} as const

/** Names of services are labels of a name server: letters, digits and "-", at most 63. What is told of the id is for people; the rest tells apart. */
const TOLD_CHARACTERS = 24
const HASH_CHARACTERS = 20

const hash = (...parts: readonly string[]): string => createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, HASH_CHARACTERS)
const told = (text: string): string =>
  text
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .slice(0, TOLD_CHARACTERS)
    .replaceAll(/^-+|-+$/g, '')

/** The name of a workload's service: it can exist once, so a second try of the same start runs into the first. */
export const serviceName = (owner: string, id: WorkloadId): string => `manor-${told(id)}-${hash(owner, id)}`
/** The config that records that a stop was asked for: it is made with one call that can be made twice. */
export const stopName = (owner: string, id: WorkloadId): string => `${serviceName(owner, id)}.stop`
/** Secrets of one try of a start. Each try has its own, since what is in them (chosen ports) differs. At most 64 characters. */
export const secretName = (owner: string, id: WorkloadId, attempt: string, part: number): string =>
  `${serviceName(owner, id)}.${attempt}.${part}`
export const networkName = (owner: string, tenant: string, shard: number): string => `manor-${told(tenant)}-${shard}-${hash(owner, tenant)}`
