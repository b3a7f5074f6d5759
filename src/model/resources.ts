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

/** The resource of which the largest part is used, and that part; undefined where there is nothing to have a part of. */
export const dominantOf = (
  used: Resources,
  whole: Resources,
): { readonly resource: keyof Resources; readonly share: number } | undefined => {
  let most: { resource: keyof Resources; share: number } | undefined
  for (const resource of ['cpu', 'memoryMb', 'diskMb'] as const) {
    if (whole[resource] <= 0) continue
    const share = used[resource] / whole[resource]
    if (most === undefined || share > most.share) most = { resource, share }
  }
  return most
}
