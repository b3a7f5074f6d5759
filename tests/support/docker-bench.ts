/** What the Docker tests beside the conformance suite work with: workloads, and looks until something is so. */
import { type Observation, tenantId, type Workload, type WorkloadId, workloadId } from '../../src/model/index.ts'
import type { DockerHarness } from './docker-engine.ts'
import { waitFor } from './wait.ts'

const never = new AbortController().signal

export type DockerBench = {
  workload(script: string, extra?: Partial<Workload>): Workload
  submit(workload: Workload): Promise<WorkloadId>
  observe(id: WorkloadId): Promise<Observation | undefined>
  until(id: WorkloadId, state: Observation['state']): Promise<Observation>
  said(id: WorkloadId, text: string): Promise<string>
  stop(id: WorkloadId, graceMs?: number): Promise<void>
}

let count = 0

/** Workloads of an owner, as plain data. */
export const workloadsOf =
  ({ owner, image, shell }: Pick<DockerHarness, 'owner' | 'image' | 'shell'>) =>
  (script: string, extra: Partial<Workload> = {}): Workload => {
    const noun = `w-${++count}`
    return {
      id: workloadId(`agent.${noun}`),
      labels: { owner, kind: 'agent', noun, epoch: 1 },
      tenant: tenantId('red'),
      account: 'agents/red',
      command: shell(script),
      environment: {},
      files: [],
      mounts: [],
      resources: { cpu: 0.5, memoryMb: 64, diskMb: 0 },
      ports: {},
      graceMs: 1_000,
      image: image ?? '',
      ...extra,
    }
  }

export const dockerBench = (harness: DockerHarness): DockerBench => {
  const observe = async (id: WorkloadId): Promise<Observation | undefined> =>
    (await harness.engine.list(never)).find(observation => observation.id === id)
  return {
    observe,
    workload: workloadsOf(harness),
    submit: async workload => {
      await harness.engine.submit(workload, harness.host, never)
      return workload.id
    },
    until: async (id, state) => {
      let last: Observation | undefined
      return waitFor(
        async () => {
          last = await observe(id)
          return last?.state === state ? last : undefined
        },
        { what: `${id} is ${state}`, seen: () => last },
      )
    },
    said: (id, text) => {
      let log = ''
      return waitFor(
        async () => {
          log = await harness.engine.logs(id, 65_536, never)
          return log.includes(text) ? log : undefined
        },
        { what: `${id} says "${text}"`, seen: () => log },
      )
    },
    stop: (id, graceMs = 0) => harness.engine.stop(id, graceMs, never),
  }
}

export const FOREVER = `echo started; trap 'exit 0' TERM; while :; do sleep 0.2; done`
