/** Arithmetic of Mesos' resources: lists of entries, where those of one name, reservation and kind add up. */
import type { Range, Resource } from '../../../src/engines/mesos/wire.ts'

/** Mesos counts scalars to three digits. */
const PRECISION = 1_000
const rounded = (value: number): number => Math.round(value * PRECISION) / PRECISION

const keyOf = ({ name, reservations = [], revocable, shared, disk }: Resource): string =>
  reservations.length === 0 && revocable === undefined && shared === undefined && disk === undefined
    ? name
    : JSON.stringify([name, reservations, revocable, shared, disk])

const rangesOf = ({ ranges }: Resource): readonly Range[] => ranges?.range ?? []

const without = (from: readonly Range[], taken: readonly Range[]): Range[] =>
  taken.reduce<Range[]>(
    (left, { begin, end }) =>
      left.flatMap(range =>
        range.end < begin || range.begin > end
          ? [range]
          : [
              { begin: range.begin, end: begin - 1 },
              { begin: end + 1, end: range.end },
            ].filter(one => one.begin <= one.end),
      ),
    [...from],
  )

const merged = (ranges: readonly Range[]): Range[] => {
  const all: Range[] = []
  for (const range of ranges.toSorted((a, b) => a.begin - b.begin)) {
    const last = all.at(-1)
    if (last !== undefined && range.begin <= last.end + 1) all[all.length - 1] = { begin: last.begin, end: Math.max(last.end, range.end) }
    else all.push(range)
  }
  return all
}

const isSomething = (resource: Resource): boolean =>
  resource.type === 'SCALAR' ? (resource.scalar?.value ?? 0) > 0 : resource.type === 'RANGES' ? rangesOf(resource).length > 0 : true

const combine = (a: Resource, b: Resource, sign: 1 | -1): Resource =>
  a.type === 'RANGES'
    ? { ...a, ranges: { range: sign === 1 ? merged([...rangesOf(a), ...rangesOf(b)]) : without(rangesOf(a), rangesOf(b)) } }
    : { ...a, scalar: { value: rounded((a.scalar?.value ?? 0) + sign * (b.scalar?.value ?? 0)) } }

/** Both together. Whose they are is as the first has it, and left out where it has nothing of a kind. */
export const plus = (one: readonly Resource[], other: readonly Resource[]): Resource[] => {
  const sum = [...one]
  for (const resource of other) {
    const key = keyOf(resource)
    const at = sum.findIndex(each => keyOf(each) === key)
    const there = sum[at]
    if (there === undefined) sum.push(unallocated(resource))
    else sum[at] = combine(there, resource, 1)
  }
  return sum
}

export const minus = (from: readonly Resource[], taken: readonly Resource[]): Resource[] => {
  const rest = [...from]
  for (const resource of taken) {
    const key = keyOf(resource)
    const at = rest.findIndex(each => keyOf(each) === key)
    const there = rest[at]
    if (there !== undefined) rest[at] = combine(there, resource, -1)
  }
  return rest.filter(isSomething)
}

/** Whether all of `wanted` is in `there`, entry by entry, allocated to the same role. */
export const holds = (there: readonly Resource[], wanted: readonly Resource[]): boolean =>
  plus([], wanted).every(resource => {
    const key = keyOf(resource)
    const entry = there.find(each => keyOf(each) === key)
    if (entry === undefined) return false
    return resource.type === 'RANGES'
      ? without(rangesOf(resource), rangesOf(entry)).length === 0
      : (entry.scalar?.value ?? 0) >= (resource.scalar?.value ?? 0) - 1e-9
  })

export const unallocated = ({ allocation_info: _role, ...resource }: Resource): Resource => resource

export const allocatedTo = (resources: readonly Resource[], role: string): Resource[] =>
  resources.map(resource => ({ allocation_info: { role }, ...unallocated(resource) }))

export const scalarOf = (resources: readonly Resource[], name: string): number => {
  let sum = 0
  for (const resource of resources) if (resource.name === name) sum += resource.scalar?.value ?? 0
  return rounded(sum)
}

/** As Mesos writes them into its messages: `cpus(allocated: ci/team-a):4; ports(allocated: ci/team-a):[31000-31999]`. */
export const textOf = (resources: readonly Resource[]): string =>
  resources
    .map(resource => {
      const role = resource.allocation_info?.role
      const value =
        resource.type === 'RANGES'
          ? `[${rangesOf(resource)
              .map(({ begin, end }) => `${begin}-${end}`)
              .join(', ')}]`
          : String(resource.scalar?.value ?? 0)
      return `${resource.name}${role === undefined ? '' : `(allocated: ${role})`}:${value}`
    })
    .join('; ')

export const scalar = (name: string, value: number): Resource => ({ name, type: 'SCALAR', scalar: { value } })
export const portRange = (begin: number, end: number): Resource => ({ name: 'ports', type: 'RANGES', ranges: { range: [{ begin, end }] } })
