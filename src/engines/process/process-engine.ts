import { existsSync, realpathSync } from 'node:fs'
import { chown, mkdir, open, readdir, rm, watch } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Host, HostId, Milliseconds, Observation, Reason, Resources, Workload, WorkloadId } from '../../model/index.ts'
import { workloadId } from '../../model/index.ts'
import { type Clock, hasCode, type Random } from '../../runtime/index.ts'
import { type Engine, EngineError } from '../engine.ts'
import { type CgroupMounts, readCgroupMounts } from './cgroup-mounts.ts'
import { type Cgroups, openCgroups, removeGroups } from './cgroups.ts'
import { describeHost, RESERVED } from './host.ts'
import { Identities, type Identity } from './identities.ts'
import { type Isolation, probeIsolation } from './isolation.ts'
import { type Layout, layoutOf, recordFiles } from './layout.ts'
import { type Facts, observationOf, stateOf } from './observe.ts'
import { invalid } from './prepare.ts'
import { Records } from './records.ts'
import { Stopper } from './stopper.ts'
import { Submitter } from './submitter.ts'

export type ProcessEngineOptions = {
  /** Whose workloads these are: the id of the store. Part of control groups' names: letters, digits, ".", "_" and "-". */
  readonly owner: string
  /** Where the engine keeps its state; made if missing. Several owners may share it. */
  readonly directory: string
  readonly clock: Clock
  readonly random: Random
  readonly hostId: HostId
  /** Kept back from the host's capacity; `RESERVED` unless told. */
  readonly reserved?: Resources
  /** Directories in which workloads see only what they declare. By default the one above `directory`: Manor's home, with its key and store. */
  readonly hidden?: readonly string[]
  /** `off` leaves control groups alone, and says so. */
  readonly limits?: 'auto' | 'off'
  /** `off` runs everything as Manor's own user, and says so. */
  readonly isolation?: 'auto' | 'off'
  /** Told once for each thing that is weaker here than it should be. */
  readonly onWarning: (sentence: string) => void
}

export type ProcessEngine = Engine &
  AsyncDisposable & {
    /** User and group of an account's workloads, allotted on first ask; undefined where everything runs as Manor's own user. */
    identityOf(account: string): Identity | undefined
    readonly isolation: Isolation
    /** Lets go of what this instance holds: watches and the driving of stops. Workloads go on. */
    close(): Promise<void>
  }

/** Most that one call reads of a log. */
const MAX_LOG_BYTES = 1_048_576
const SAFE_OWNER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
/** The user whose rights the probe tries; no workload may have an account that begins like this. */
const PROBE_ACCOUNT = '_probe'

/**
 * Opens the engine on its state directory and adopts what runs there. Finds out by trying what this machine permits: control groups, users,
 * private views; about 50 ms. Rejects where the machine is not Linux or the directory cannot be used.
 */
export const createProcessEngine = async (options: ProcessEngineOptions): Promise<ProcessEngine> => {
  if (!SAFE_OWNER.test(options.owner))
    throw invalid(`The owner "${options.owner}" cannot be part of a name.`, 'Use letters, digits and "-".')
  if (!existsSync('/proc/self/stat')) throw invalid('The process engine needs Linux with /proc mounted.', 'Use another engine here.')
  await mkdir(options.directory, { recursive: true, mode: 0o755 })
  const layout = layoutOf(realpathSync(options.directory))
  // Passed through, never listed: a workload's user comes to its own directory by its full path where there is no private view.
  for (const path of [layout.workloads, layout.stage]) await mkdir(path, { recursive: true, mode: 0o711 })
  for (const path of [layout.exits, layout.trash]) await mkdir(path, { recursive: true, mode: 0o700 })
  const mounts = readCgroupMounts()
  const cgroups = options.limits === 'off' ? { reason: 'They were switched off.' } : openCgroups(options.owner, mounts)
  const identities = new Identities(layout.identities)
  const hidden = hiddenDirectories(options, layout)
  const isolation = await findIsolation(options, layout, hidden, identities)
  if (isolation.kind !== 'view') options.onWarning(isolation.reason)
  if (cgroups.reason !== undefined) options.onWarning(`Limits: ${cgroups.reason}`)
  const engine = new Processes(options, layout, cgroups, mounts, identities, isolation, hidden)
  await engine.adopt()
  return engine
}

const hiddenDirectories = ({ hidden }: ProcessEngineOptions, { directory }: Layout): readonly string[] => {
  const above = dirname(directory)
  const wanted = hidden ?? [above === '/' ? directory : above]
  return wanted.filter(existsSync).map(path => realpathSync(path))
}

const findIsolation = async (
  options: ProcessEngineOptions,
  layout: Layout,
  hidden: readonly string[],
  identities: Identities,
): Promise<Isolation> => {
  if (options.isolation === 'off') return { kind: 'none', reason: "All workloads run as Manor's own user: isolation was switched off." }
  if (process.getuid?.() !== 0)
    return { kind: 'none', reason: "All workloads run as Manor's own user: only root may give each account a user of its own." }
  const identity = identities.of(PROBE_ACCOUNT)
  const dir = join(layout.trash, 'probe')
  const privateTmp = join(dir, 'tmp')
  await mkdir(privateTmp, { recursive: true, mode: 0o700 })
  for (const path of [dir, privateTmp]) await chown(path, identity.uid, identity.gid)
  return probeIsolation({ clock: options.clock, stage: layout.stage, dir, privateTmp, hidden, identity })
}

class Processes implements ProcessEngine {
  readonly name = 'process'
  readonly placement = 'manor'
  readonly volumes = 'service'
  readonly isolation: Isolation
  readonly #options: ProcessEngineOptions
  readonly #layout: Layout
  readonly #cgroups: Cgroups | { readonly reason: string }
  readonly #mounts: CgroupMounts
  readonly #identities: Identities
  readonly #records: Records
  readonly #submitter: Submitter
  readonly #stopper: Stopper
  readonly #end = new AbortController()

  constructor(
    options: ProcessEngineOptions,
    layout: Layout,
    cgroups: Cgroups | { readonly reason: string },
    mounts: CgroupMounts,
    identities: Identities,
    isolation: Isolation,
    hidden: readonly string[],
  ) {
    const { owner, clock, random, onWarning } = options
    this.#options = options
    this.#layout = layout
    this.#cgroups = cgroups
    this.#mounts = mounts
    this.#identities = identities
    this.isolation = isolation
    this.#records = new Records(layout, owner, onWarning)
    this.#submitter = new Submitter({
      owner,
      layout,
      clock,
      random,
      records: this.#records,
      identities,
      isolation,
      cgroups: 'version' in cgroups ? cgroups : undefined,
      hidden,
      onWarning,
    })
    this.#stopper = new Stopper(this.#records, clock, this.#end.signal, cause => onWarning(`A stop failed for now: ${messageOf(cause)}`))
  }

  /** Takes up what an earlier Manor left: what it had not started is called off, stops go on, trash is emptied. */
  async adopt(): Promise<void> {
    for (const { record, taken } of this.#records.written()) if (!taken) await this.#submitter.callOff(record.id, record.groups)
    for (const facts of this.#records.all(this.#now())) if (facts.stop && stateOf(facts) !== 'ended') this.#stopper.resume(facts.record.id)
    for (const name of await readdir(this.#layout.trash)) await rm(join(this.#layout.trash, name), { recursive: true, force: true })
  }

  identityOf(account: string): Identity | undefined {
    return this.isolation.kind === 'none' ? undefined : this.#identities.of(account)
  }

  async submit(workload: Workload, on: HostId | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (on !== undefined && on !== this.#options.hostId)
      throw invalid(`The workload ${workload.id} is for host ${on}, and this engine has ${this.#options.hostId} alone.`, 'Place it there.')
    await untilAborted(this.#submitter.submit(workload), signal)
  }

  /** Resolves when the stop is under way; `list` shows it as stopping until it has ended. */
  async stop(id: WorkloadId, grace: Milliseconds, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await untilAborted(this.#submitter.settled(id), signal)
    const facts = this.#records.of(id, this.#now())
    if (facts !== undefined && stateOf(facts) !== 'ended') this.#stopper.ask(facts, grace)
  }

  async remove(id: WorkloadId, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await untilAborted(this.#submitter.settled(id), signal)
    const facts = this.#records.of(id, this.#now())
    if (facts === undefined) return
    if (stateOf(facts) !== 'ended')
      throw new EngineError(
        { code: 'invalid-spec', message: `The workload ${id} has not ended: it cannot be removed.`, mend: 'Stop it first.' },
        true,
      )
    removeGroups(facts.record.groups)
    await this.#submitter.discard(id)
    this.#records.forget(id)
  }

  async list(signal: AbortSignal): Promise<readonly Observation[]> {
    signal.throwIfAborted()
    const now = this.#now()
    return this.#records.all(now).map(facts => observationOf(facts, this.#options.hostId, now))
  }

  /** Tells of ends: the supervising shells write all of them into one directory. */
  async *watch(signal: AbortSignal): AsyncGenerator<Observation> {
    const until = AbortSignal.any([signal, this.#end.signal])
    try {
      for await (const { filename } of watch(this.#layout.exits, { signal: until, persistent: false })) {
        const facts = filename === null ? undefined : this.#records.of(workloadId(filename), this.#now())
        if (facts?.exit !== undefined) yield observationOf(facts, this.#options.hostId, this.#now())
      }
    } catch (cause) {
      if (!until.aborted) throw cause
    }
  }

  async hosts(signal: AbortSignal): Promise<readonly Host[]> {
    signal.throwIfAborted()
    const { hostId: id, reserved = RESERVED } = this.#options
    const { ownLimitBytes } = this.#mounts
    const limit = ownLimitBytes === undefined ? {} : { ownLimitBytes }
    const options = { id, directory: this.#layout.directory, reserved, cgroups: this.#cgroups, isolation: this.isolation, ...limit }
    return [await describeHost(options, this.#now())]
  }

  async explain(id: WorkloadId, signal: AbortSignal): Promise<Reason | undefined> {
    signal.throwIfAborted()
    const facts = this.#records.of(id, this.#now())
    if (facts === undefined) return undefined
    return observationOf(facts, this.#options.hostId, this.#now()).reason ?? stoppingReason(facts)
  }

  async logs(id: WorkloadId, bytes: number, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted()
    if (this.#records.of(id, this.#now()) === undefined) return ''
    const wanted = Math.min(Math.max(0, bytes), MAX_LOG_BYTES)
    const { log, olderLog } = recordFiles(this.#layout, id)
    const newest = await tail(log, wanted)
    const older = newest.length < wanted ? await tail(olderLog, wanted - newest.length) : Buffer.alloc(0)
    return Buffer.concat([older, newest]).toString('utf8')
  }

  async close(): Promise<void> {
    if (!this.#end.signal.aborted && 'version' in this.#cgroups && this.#allEnded()) this.#cgroups.retire()
    this.#end.abort(new DOMException('The process engine was closed.', 'AbortError'))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What ended ones used was written down with their end: their groups are needed no more, though their logs are kept for a while. */
  #allEnded(): boolean {
    return this.#records.written().every(({ taken }) => taken) && this.#records.all(this.#now()).every(facts => stateOf(facts) === 'ended')
  }

  #now(): number {
    return this.#options.clock.now()
  }
}

const stoppingReason = ({ stop }: Facts): Reason | undefined =>
  stop && {
    code: 'killed-by-us',
    message: `It was asked to stop${stop.killedAt === undefined ? ', and is killed if it has not when its grace is over' : ' and is being killed'}.`,
    since: stop.askedAt,
  }

/** The last bytes of a file, none where it is not there. */
const tail = async (path: string, bytes: number): Promise<Buffer> => {
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    const length = Math.min(bytes, size)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead)
  } catch (cause) {
    // Between two log files there is for an instant no newest one, and an old workload may never have had a second.
    if (hasCode(cause, 'ENOENT')) return Buffer.alloc(0)
    throw cause
  }
}

/** Abandons a wait, never the work itself. */
const untilAborted = async (work: Promise<void>, signal: AbortSignal): Promise<void> => {
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race([work, aborted])
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort)
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
