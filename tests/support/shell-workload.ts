import { tenantId, type Workload, workloadId } from '../../src/model/index.ts'

/** A workload that runs a script and asks for little: what a test cares about is in `extra`. */
export const shellWorkload = (id: string, owner: string, script: string, extra: Partial<Workload> = {}): Workload => ({
  id: workloadId(id),
  labels: { owner, kind: 'agent', noun: id, epoch: 1 },
  tenant: tenantId('team-a'),
  account: 'agents/team-a',
  command: ['/bin/sh', '-c', script],
  environment: {},
  files: [],
  mounts: [],
  resources: { cpu: 0.1, memoryMb: 32, diskMb: 0 },
  ports: {},
  graceMs: 1_000,
  ...extra,
})

/** A controller's run that is only a script; its port is the engine's to choose. */
export const shellController = (noun: string, epoch: number, script: string, extra: Partial<Workload> = {}): Workload =>
  shellWorkload(`${noun}.${epoch}`, 'test', script, {
    labels: { owner: 'test', kind: 'controller', noun, epoch },
    account: `controller/${noun}`,
    resources: { cpu: 0.2, memoryMb: 64, diskMb: 0 },
    ports: { http: 0 },
    ...extra,
  })
