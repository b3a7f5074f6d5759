import type { Mebibytes } from './units.ts'

/** What a workload asks of a host. */
export type Resources = {
  /** Cores; a share under contention, not a ceiling, unless a template asks for a ceiling. */
  readonly cpu: number
  readonly memoryMb: Mebibytes
  readonly diskMb: Mebibytes
}

export const NO_RESOURCES: Resources = { cpu: 0, memoryMb: 0, diskMb: 0 }

export const addResources = (a: Resources, b: Resources): Resources => ({
  cpu: a.cpu + b.cpu,
  memoryMb: a.memoryMb + b.memoryMb,
  diskMb: a.diskMb + b.diskMb,
})
