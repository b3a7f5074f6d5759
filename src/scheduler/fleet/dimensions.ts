import type { Claim } from '../types.ts'

/** Resources that every fleet counts, in the order of their columns. Named scalars follow as they are seen. */
export const CPU = 0
export const MEMORY_MB = 1
export const DISK_MB = 2
export const NETWORK_MBPS = 3
export const PORTS = 4
const FIXED = ['cpu', 'memoryMb', 'diskMb', 'networkMbps', 'ports'] as const

/** Most named scalars of one fleet: each costs two columns over all hosts, and a name made up per task would grow without end. */
export const MAX_SCALARS = 64

/** What a task asks as columns and amounts: cpu, memory and disk, and of the others those of which it asks something. */
export type Ask = { readonly dimensions: readonly number[]; readonly amounts: readonly number[] }

/** Which resource stands in which column. */
export class Dimensions {
  readonly #names: string[] = [...FIXED]
  readonly #byScalar = new Map<string, number>()

  get count(): number {
    return this.#names.length
  }

  nameOf(dimension: number): string {
    return this.#names[dimension] ?? ''
  }

  /** The column of a named scalar, made where it is new. Throws a RangeError at the limit. */
  ofScalar(name: string): number {
    const known = this.#byScalar.get(name)
    if (known !== undefined) return known
    if (this.#byScalar.size >= MAX_SCALARS)
      throw new RangeError(`${name} would be named scalar ${MAX_SCALARS + 1}; use at most ${MAX_SCALARS} names over all hosts and tasks.`)
    const dimension = this.#names.push(name) - 1
    this.#byScalar.set(name, dimension)
    return dimension
  }

  askOf({ resources, networkMbps = 0, scalars = {} }: Claim, ports: number): Ask {
    const dimensions: number[] = []
    const amounts: number[] = []
    const note = (dimension: number, amount: number): void => {
      // The usual three are always looked at: a host that is over in one of them takes nothing, not even what asks for none of it.
      if (amount === 0 && dimension > DISK_MB) return
      dimensions.push(dimension)
      amounts.push(amount)
    }
    note(CPU, resources.cpu)
    note(MEMORY_MB, resources.memoryMb)
    note(DISK_MB, resources.diskMb)
    note(NETWORK_MBPS, networkMbps)
    note(PORTS, ports)
    for (const name of Object.keys(scalars)) note(this.ofScalar(name), scalars[name] ?? 0)
    return { dimensions, amounts }
  }
}
