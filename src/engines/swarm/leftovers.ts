import type { Timestamp, WorkloadId } from '../../model/index.ts'
import { LABEL, ownerLabel } from '../docker/labels.ts'
import type { SwarmClient } from './client.ts'

/**
 * What a workload has in the Swarm beside its service: its files as secrets, and the record of a stop as a config. A secret can be taken away only
 * once no service uses it.
 */
const KINDS = ['secrets', 'configs'] as const

/** Takes away what of a removed workload is left. */
export const forgetLeftovers = async (client: SwarmClient, owner: string, id: WorkloadId, signal: AbortSignal): Promise<void> => {
  for (const [kind, label] of [
    ['secrets', `${LABEL.workload}=${id}`],
    ['configs', `${LABEL.stop}=${id}`],
  ] as const)
    for (const { ID } of await client.kept(kind, [ownerLabel(owner), label], signal)) await client.forget(kind, ID, signal)
}

/** Takes away what a crash between two calls left: what belongs to no workload that is there, and was made before this. */
export const sweepLeftovers = async (
  client: SwarmClient,
  owner: string,
  isThere: (id: string) => boolean,
  before: Timestamp,
  signal: AbortSignal,
): Promise<void> => {
  for (const kind of KINDS)
    for (const { ID, CreatedAt, Spec } of await client.kept(kind, [ownerLabel(owner)], signal)) {
      const id = Spec.Labels?.[LABEL.workload] ?? Spec.Labels?.[LABEL.stop]
      if ((id === undefined || !isThere(id)) && Date.parse(CreatedAt) < before) await client.forget(kind, ID, signal)
    }
}
