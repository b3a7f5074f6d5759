/** What keeps a candidate from being better, told from its worst run. Pure. */
import { CONTROLLER_CPU_PROMISED } from '../../src/model/index.ts'
import type { Plan, Sample } from '../contract.ts'
import type { Candidate } from './search.ts'

export type Limit = {
  readonly kind: 'memory' | 'cpu' | 'quota' | 'pieces' | 'start' | 'bounds'
  /** For a person. */
  readonly sentence: string
}

/** From here on a resource counts as full: the rest are pieces of hosts that nothing fits into. */
const FULL = 0.85
/** Below this there is room for most jobs, so what waits does not wait for room. */
const ROOMY = 0.6

export const limitOf = (candidate: Candidate): Limit => {
  const { outcome, slowestTeam } = candidate
  if (candidate.meets)
    return {
      kind: 'bounds',
      sentence: 'Nothing: the fewest hosts that the profile allows meet the goal. Allow fewer to know how few would do.',
    }
  const waiting = outcome.samples.filter(({ queued, at }) => queued > 0 && at <= outcome.plan.activeMs)
  const { memory, cpu } = forBuilds(
    outcome.plan,
    mean(waiting, ({ memoryUsed }) => memoryUsed),
    mean(waiting, ({ cpuUsed }) => cpuUsed),
  )
  const used = `while jobs wait, ${percent(memory)} of the memory and ${percent(cpu)} of the cores that builds may have are given`
  const hosts = `${candidate.hosts} hosts`
  if (Math.max(memory, cpu) >= FULL) {
    const kind = memory >= cpu ? 'memory' : 'cpu'
    const mend = kind === 'memory' ? 'more memory per core' : 'more cores per gigabyte of memory'
    return { kind, sentence: `${kind === 'memory' ? 'Memory' : 'Cpu'}: with ${hosts}, ${used}. Hosts with ${mend} would serve better.` }
  }
  const hasQuota = outcome.plan.teams.some(({ name, quota }) => name === slowestTeam && quota !== undefined)
  if (hasQuota) return { kind: 'quota', sentence: `The quota of ${slowestTeam}: with ${hosts}, ${used}, and ${slowestTeam} waits longest.` }
  if (Math.max(memory, cpu) >= ROOMY)
    return {
      kind: 'pieces',
      sentence: `Pieces: with ${hosts}, ${used}, but what is free on each host is too small for what waits. Larger hosts would serve better.`,
    }
  return {
    kind: 'start',
    sentence: `Starting: with ${hosts}, ${used}, so builds wait for their agents to start, not for room. More hosts change nothing.`,
  }
}

/**
 * Of the hosts that take builds, from what is used of all. Where some hosts are for controllers alone, controllers are taken to be there, or the
 * room that is kept for them would look like room for builds.
 */
const forBuilds = ({ hosts, teams }: Plan, memoryUsed: number, cpuUsed: number): { readonly memory: number; readonly cpu: number } => {
  const capacityOf = (of: (group: Plan['hosts'][number]) => number, takes: (group: Plan['hosts'][number]) => boolean): number =>
    hosts.filter(takes).reduce((sum, group) => sum + group.count * of(group), 0)
  const controllersOf = (of: (team: Plan['teams'][number]) => number): number =>
    teams.reduce((sum, team) => sum + team.controllers * of(team), 0)
  const share = (usedOfAll: number, capacity: (group: Plan['hosts'][number]) => number, controllers: number): number => {
    const ofBuilds = capacityOf(capacity, ({ role }) => role !== 'controllers')
    const all = capacityOf(capacity, () => true)
    const elsewhere = Math.min(controllers, all - ofBuilds)
    return ofBuilds === 0 ? 0 : Math.min(1, Math.max(0, usedOfAll * all - elsewhere) / ofBuilds)
  }
  return {
    memory: share(
      memoryUsed,
      ({ capacity }) => capacity.memoryMb,
      controllersOf(({ controllerResources }) => controllerResources.memoryMb),
    ),
    cpu: share(
      cpuUsed,
      ({ capacity }) => capacity.cpu,
      controllersOf(({ controllerResources }) => controllerResources.cpu * CONTROLLER_CPU_PROMISED),
    ),
  }
}

const mean = (samples: readonly Sample[], of: (sample: Sample) => number): number =>
  samples.length === 0 ? 0 : samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length
const percent = (share: number): string => `${Math.round(share * 100)} %`
