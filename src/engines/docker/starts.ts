import { type ImageReference, parseImage, type Workload, type WorkloadId } from '../../model/index.ts'
import type { Random } from '../../runtime/index.ts'
import { invalid } from '../process/prepare.ts'
import { LEAST_MEMORY_MB } from './container-spec.ts'
import { choosePorts } from './ports.ts'

export type StartsOptions = {
  readonly random: Random
  /** Ports of workloads that are there. */
  readonly takenPorts: () => ReadonlySet<number>
}

/** The starts that are under way: one for a workload, however many ask for it, each with ports that no other has. */
export class Starts {
  readonly #options: StartsOptions
  readonly #running = new Map<WorkloadId, Promise<void>>()
  readonly #reserved = new Map<WorkloadId, readonly number[]>()

  constructor(options: StartsOptions) {
    this.#options = options
  }

  has(id: WorkloadId): boolean {
    return this.#running.has(id)
  }

  /** Those who ask for the same workload at the same time share one start. */
  share(id: WorkloadId, start: () => Promise<void>): Promise<void> {
    const running = this.#running.get(id)
    if (running !== undefined) return running
    const work = start().finally(() => {
      this.#running.delete(id)
      this.#reserved.delete(id)
    })
    this.#running.set(id, work)
    return work
  }

  /** Resolves when no start of this workload is under way, however it went. */
  async settled(id: WorkloadId): Promise<void> {
    await this.#running.get(id)?.catch(() => undefined)
  }

  /** Ports for a start, kept for it until it is over. What it had before goes back. */
  choosePorts({ id, ports: wanted }: Pick<Workload, 'id' | 'ports'>): Readonly<Record<string, number>> {
    const taken = new Set([...this.#options.takenPorts(), ...[...this.#reserved.values()].flat()])
    const ports = choosePorts(wanted, taken, this.#options.random)
    this.#reserved.set(id, Object.values(ports))
    return ports
  }
}

/** An image by its name. Throws an EngineError where that is none. */
export const imageNamed = (text: string): ImageReference & { readonly text: string } => {
  const image = parseImage(text)
  if (image === undefined) throw invalid(`"${text}" is no name of an image.`, 'Give [HOST/]NAME[:TAG] or [HOST/]NAME@sha256:DIGEST.')
  return { ...image, text }
}

/** The image that a workload runs. Throws an EngineError where it names none, or what is none; `engine` as people call it. */
export const imageFor = (
  workload: Workload,
  imageOf: (workload: Workload) => string | undefined,
  engine: string,
): ImageReference & { readonly text: string } => {
  const text = imageOf(workload)
  if (text === undefined)
    throw invalid(`${workload.id} names no image.`, `Give its template an image, or the ${engine} engine a default one.`)
  return imageNamed(text)
}

/** Throws an EngineError where a limit is too small for Docker to take. */
export const checkMemory = ({ id, resources: { memoryMb } }: Workload): void => {
  if (memoryMb > 0 && memoryMb < LEAST_MEMORY_MB)
    throw invalid(`${id} asks for ${memoryMb} MB.`, `Docker's least is ${LEAST_MEMORY_MB} MB.`)
}
