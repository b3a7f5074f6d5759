import type { Workload, WorkloadId, WorkloadLabels } from '../../model/index.ts'
import { workloadId } from '../../model/index.ts'

/** The labels by which everything of ours is found without our store. `docker ps --filter label=manor.owner` shows it to people, too. */
export const LABEL = {
  owner: 'manor.owner',
  kind: 'manor.kind',
  noun: 'manor.noun',
  epoch: 'manor.epoch',
  tenant: 'manor.tenant',
  workload: 'manor.workload',
  ports: 'manor.ports',
  memoryMb: 'manor.memory-mb',
  program: 'manor.program',
  stop: 'manor.stop',
  askedAt: 'manor.asked-at',
  killAt: 'manor.kill-at',
  network: 'manor.network',
} as const

/** What a container's labels tell of its workload. */
export type Told = {
  readonly id: WorkloadId
  readonly labels: WorkloadLabels
  readonly tenant: string
  readonly ports: Readonly<Record<string, number>>
  readonly memoryMb: number
  readonly program: string
}

/** The name of a workload's container: it can exist once, so a second try of the same start runs into the first. */
export const containerName = (owner: string, id: WorkloadId): string => `manor.${owner}.${id}`
/** The volume that records that a stop was asked for: labels of containers cannot be changed, and a record must outlive Manor. */
export const stopRecordName = (owner: string, id: WorkloadId): string => `manor.stop.${owner}.${id}`

export const ownerLabel = (owner: string): string => `${LABEL.owner}=${owner}`

export const labelsOf = (workload: Workload, ports: Readonly<Record<string, number>>): Record<string, string> => ({
  [LABEL.owner]: workload.labels.owner,
  [LABEL.kind]: workload.labels.kind,
  [LABEL.noun]: workload.labels.noun,
  [LABEL.epoch]: String(workload.labels.epoch),
  [LABEL.tenant]: workload.tenant,
  [LABEL.workload]: workload.id,
  [LABEL.ports]: Object.entries(ports)
    .map(([name, port]) => `${encodeURIComponent(name)}=${port}`)
    .join('&'),
  [LABEL.memoryMb]: String(workload.resources.memoryMb),
  [LABEL.program]: workload.command[0] ?? '',
})

/** Reads a container's labels; undefined where they are not those of a workload. */
export const readLabels = (labels: Readonly<Record<string, string>> | null): Told | undefined => {
  const { owner, kind, noun, epoch, workload } = fieldsOf(labels ?? {})
  if (owner === undefined || noun === undefined || epoch === undefined || workload === undefined) return undefined
  if (kind !== 'controller' && kind !== 'agent') return undefined
  const ports = new URLSearchParams(labels?.[LABEL.ports] ?? '')
  return {
    id: workloadId(workload),
    labels: { owner, kind, noun, epoch: Number(epoch) },
    tenant: labels?.[LABEL.tenant] ?? '',
    ports: Object.fromEntries([...ports].map(([name, port]) => [name, Number(port)])),
    memoryMb: Number(labels?.[LABEL.memoryMb] ?? 0),
    program: labels?.[LABEL.program] ?? '',
  }
}

const fieldsOf = (labels: Readonly<Record<string, string>>) => ({
  owner: labels[LABEL.owner],
  kind: labels[LABEL.kind],
  noun: labels[LABEL.noun],
  epoch: labels[LABEL.epoch],
  workload: labels[LABEL.workload],
})
