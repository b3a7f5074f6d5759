import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { hostId, type Observation, type Reason, tenantId, type Workload, type WorkloadId, workloadId } from '../../model/index.ts'
import { hasCode } from '../../runtime/index.ts'

/**
 * What Manor keeps of the workloads it gave to Marathon: what a task is to fetch, who fetched it, and how it ended. Marathon cannot be asked
 * for these: its apps are public to all who may read it, and it forgets an end.
 *
 * One file a fact, each written once and whole, by whoever comes first (a link to a name that is there fails): so two engines on one directory
 * agree, a crash leaves a fact or none, and what was read once need not be read again.
 */
export type StartRecord = { readonly workload: Workload; readonly token: string; readonly app: string; readonly createdAt: number }
/** The task that was let in: there is one for a workload, ever. */
export type Claim = { readonly task: string; readonly at: number; readonly host?: string; readonly ports: Readonly<Record<string, number>> }
export type Exit = { readonly status: number; readonly at: number }
export type Stop = { readonly at: number; readonly graceMs: number }

/** All that is known of one workload without asking Marathon. */
export type Known = {
  readonly record?: StartRecord
  /** Marathon has, or had, its app: from here on a missing app means something. */
  readonly accepted: boolean
  readonly claim?: Claim
  readonly exit?: Exit
  readonly stop?: Stop
  readonly end?: Observation
}

const ReasonSchema = Type.Object({
  code: Type.Unsafe<Reason['code']>(Type.String()),
  message: Type.String(),
  since: Type.Number(),
  mend: Type.Optional(Type.String()),
})
const LabelsSchema = Type.Object({
  owner: Type.String(),
  kind: Type.Union([Type.Literal('controller'), Type.Literal('agent')]),
  noun: Type.String(),
  epoch: Type.Number(),
})
const PortsSchema = Type.Record(Type.String(), Type.Integer())
const RecordSchema = Type.Object({
  token: Type.String(),
  app: Type.String(),
  createdAt: Type.Number(),
  workload: Type.Object({
    id: Type.String(),
    labels: LabelsSchema,
    tenant: Type.String(),
    account: Type.String(),
    command: Type.Array(Type.String()),
    environment: Type.Record(Type.String(), Type.String()),
    workingDirectory: Type.Optional(Type.String()),
    files: Type.Array(
      Type.Object({
        path: Type.String(),
        content: Type.String(),
        encoding: Type.Optional(Type.Union([Type.Literal('utf8'), Type.Literal('base64')])),
        mode: Type.Integer(),
      }),
    ),
    mounts: Type.Array(Type.Object({ source: Type.String(), target: Type.String(), readOnly: Type.Boolean() })),
    image: Type.Optional(Type.String()),
    resources: Type.Object({ cpu: Type.Number(), memoryMb: Type.Number(), diskMb: Type.Number() }),
    ports: PortsSchema,
    graceMs: Type.Number(),
  }),
})
const ClaimSchema = Type.Object({ task: Type.String(), at: Type.Number(), host: Type.Optional(Type.String()), ports: PortsSchema })
const ExitSchema = Type.Object({ status: Type.Integer(), at: Type.Number() })
const StopSchema = Type.Object({ at: Type.Number(), graceMs: Type.Number() })
const EndSchema = Type.Object({
  id: Type.String(),
  labels: LabelsSchema,
  state: Type.Literal('ended'),
  host: Type.Optional(Type.String()),
  address: Type.Optional(Type.String()),
  ports: PortsSchema,
  startedAt: Type.Optional(Type.Number()),
  endedAt: Type.Optional(Type.Number()),
  reason: Type.Optional(ReasonSchema),
  exitCode: Type.Optional(Type.Integer()),
  peakMemoryMb: Type.Optional(Type.Number()),
})

const FACTS = ['record', 'accepted', 'claim', 'exit', 'stop', 'end'] as const
type Fact = (typeof FACTS)[number]

const NOTHING: Known = { accepted: false }

export class Records {
  readonly #directory: string
  /** By file name; a fact never changes. */
  readonly #read = new Map<string, unknown>()
  #count = 0

  constructor(directory: string) {
    this.#directory = directory
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  /** Everything that is known, by workload. Linear in the number of workloads: one listing, and a read for what is new. */
  all(): ReadonlyMap<WorkloadId, Known> {
    const facts = new Map<WorkloadId, Set<Fact>>()
    for (const name of readdirSync(this.#directory)) {
      const fact = FACTS.find(one => name.endsWith(`.${one}`))
      if (fact === undefined) continue
      const id = workloadId(name.slice(0, -fact.length - 1))
      const known = facts.get(id) ?? new Set()
      facts.set(id, known.add(fact))
    }
    return new Map([...facts].map(([id, known]) => [id, this.#assemble(id, known)]))
  }

  of(id: WorkloadId): Known {
    return this.#assemble(id, FACTS)
  }

  /** Keeps a record unless there is one, and gives the one that is kept. */
  create(record: StartRecord): { readonly record: StartRecord; readonly created: boolean } {
    const created = this.#put(record.workload.id, 'record', record)
    const kept = this.of(record.workload.id).record
    if (kept === undefined) throw new TypeError(`The record of ${record.workload.id} is gone.`)
    return { record: kept, created }
  }

  accept(id: WorkloadId): void {
    this.#put(id, 'accepted', {})
  }

  /** The claim that holds: this one if it was the first. */
  claim(id: WorkloadId, claim: Claim): Claim {
    this.#put(id, 'claim', claim)
    return this.of(id).claim ?? claim
  }

  exit(id: WorkloadId, exit: Exit): void {
    this.#put(id, 'exit', exit)
  }

  stop(id: WorkloadId, stop: Stop): void {
    this.#put(id, 'stop', stop)
  }

  /** The end that holds: this one if it was the first to be found. */
  end(id: WorkloadId, end: Observation): Observation {
    this.#put(id, 'end', end)
    return this.of(id).end ?? end
  }

  /** Forgets a workload. The record goes last: half a removal leaves something that is removed again. */
  forget(id: WorkloadId): void {
    for (const fact of FACTS.toReversed()) {
      rmSync(this.#path(id, fact), { force: true })
      this.#read.delete(`${id}.${fact}`)
    }
  }

  #assemble(id: WorkloadId, facts: Iterable<Fact>): Known {
    const known = new Set(facts)
    const read = <Value>(fact: Fact, parse: (value: unknown) => Value): Value | undefined =>
      known.has(fact) ? this.#fact(id, fact, parse) : undefined
    const record = read('record', parseRecord)
    const claim = read('claim', value => Value.Parse(ClaimSchema, value))
    const exit = read('exit', value => Value.Parse(ExitSchema, value))
    const stop = read('stop', value => Value.Parse(StopSchema, value))
    const end = read('end', parseEnd)
    const accepted = read('accepted', () => true) ?? false
    if (!record && !accepted && !claim && !exit && !stop && !end) return NOTHING
    return {
      accepted,
      ...(record ? { record } : {}),
      ...(claim ? { claim } : {}),
      ...(exit ? { exit } : {}),
      ...(stop ? { stop } : {}),
      ...(end ? { end } : {}),
    }
  }

  #fact<Value>(id: WorkloadId, fact: Fact, parse: (value: unknown) => Value): Value | undefined {
    const name = `${id}.${fact}`
    if (!this.#read.has(name)) {
      try {
        this.#read.set(name, parse(JSON.parse(readFileSync(this.#path(id, fact), 'utf8'))))
      } catch (cause) {
        if (hasCode(cause, 'ENOENT')) return undefined
        throw cause
      }
    }
    return this.#read.get(name) as Value
  }

  /** Writes a fact whole, and only if nobody had. */
  #put(id: WorkloadId, fact: Fact, value: unknown): boolean {
    // Of this process and instance alone, so that two engines never write into one another's half file.
    const draft = join(this.#directory, `.${id}.${fact}.${process.pid}.${++this.#count}.${this.#draftMark}`)
    writeFileSync(draft, JSON.stringify(value), { mode: 0o600 })
    try {
      linkSync(draft, this.#path(id, fact))
      return true
    } catch (cause) {
      if (hasCode(cause, 'EEXIST')) return false
      throw cause
    } finally {
      rmSync(draft, { force: true })
    }
  }

  readonly #draftMark = nextMark()

  #path(id: WorkloadId, fact: Fact): string {
    return join(this.#directory, `${id}.${fact}`)
  }
}

let marks = 0
const nextMark = (): number => ++marks

const parseRecord = (value: unknown): StartRecord => {
  const { workload, ...rest } = Value.Parse(RecordSchema, value)
  const { image, workingDirectory, files, ...plain } = workload
  return {
    ...rest,
    workload: {
      ...plain,
      id: workloadId(workload.id),
      tenant: tenantId(workload.tenant),
      files: files.map(({ encoding, ...file }) => ({ ...file, ...(encoding === undefined ? {} : { encoding }) })),
      ...(image === undefined ? {} : { image }),
      ...(workingDirectory === undefined ? {} : { workingDirectory }),
    },
  }
}

const parseEnd = (value: unknown): Observation => {
  const { id, host, ...end } = Value.Parse(EndSchema, value)
  return { ...end, id: workloadId(id), ...(host === undefined ? {} : { host: hostId(host) }) } as Observation
}
