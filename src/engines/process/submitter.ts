import { mkdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Access, accessWords, type Workload, type WorkloadId } from '../../model/index.ts'
import { type Clock, hasCode, nameSuffix, type Random } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import { fitsAccount, writeAccounts } from './accounts.ts'
import { type Cgroups, removeGroups } from './cgroups.ts'
import type { Identities, Identity } from './identities.ts'
import { closedAncestor, dropTo, type Isolation, inView } from './isolation.ts'
import { launch } from './launch.ts'
import { type Layout, type RecordFiles, recordFiles } from './layout.ts'
import { choosePorts } from './ports.ts'
import { type CheckedMount, checkMounts, checkWorkload, type Filled, fillWorkload, invalid, makePrivateDirectory } from './prepare.ts'
import { readClaim, VOID, type WorkloadRecord, writeRecord } from './record.ts'
import type { Records } from './records.ts'
import { runScript } from './run-script.ts'
import { planView, viewScript } from './view.ts'

export type SubmitterOptions = {
  readonly owner: string
  readonly layout: Layout
  readonly clock: Clock
  readonly random: Random
  readonly records: Records
  readonly identities: Identities
  readonly isolation: Isolation
  readonly cgroups: Cgroups | undefined
  readonly hidden: readonly string[]
  readonly onWarning: (sentence: string) => void
}

/** How a workload runs as another user: nothing of it, or the user and what goes before its command. */
type Guise = { readonly identity: Identity | undefined; readonly prefix: readonly string[] }

/** oom_score_adj: where the whole machine runs out of memory, builds go first, then controllers, and Manor (0) last. */
const OOM_SCORES = { agent: 600, controller: 300 } as const

/**
 * Takes workloads on. The order makes a crash at any moment harmless: first the record, then everything the command needs, then the shell,
 * which claims the start by making a file that can be made only once. A record without a claim has not started, and whoever finds one makes
 * the claim void before taking it away.
 */
export class Submitter {
  readonly #options: SubmitterOptions
  readonly #running = new Map<WorkloadId, Promise<void>>()
  /** Ports of workloads that are being taken on; those of others stand in their records. */
  readonly #reserved = new Map<WorkloadId, readonly number[]>()
  #choosing: Promise<unknown> = Promise.resolve()

  constructor(options: SubmitterOptions) {
    this.#options = options
  }

  /** Those who ask for the same workload at the same time share one start. */
  submit(workload: Workload): Promise<void> {
    const running = this.#running.get(workload.id)
    if (running !== undefined) return running
    const work = this.#submit(workload).finally(() => this.#running.delete(workload.id))
    this.#running.set(workload.id, work)
    return work
  }

  /** Resolves when no start of this workload is under way, however it went. */
  async settled(id: WorkloadId): Promise<void> {
    await this.#running.get(id)?.catch(() => undefined)
  }

  /** Takes away a workload that has not started. False where it has. */
  async callOff(id: WorkloadId, groups: readonly string[]): Promise<boolean> {
    const files = recordFiles(this.#options.layout, id)
    try {
      await writeFile(files.claim, VOID, { mode: 0o600, flag: 'wx' })
    } catch (cause) {
      if (hasCode(cause, 'ENOENT')) return true
      if (!hasCode(cause, 'EEXIST')) throw cause
      if (readClaim(files) !== VOID) return false
    }
    removeGroups(groups)
    await this.discard(id)
    return true
  }

  /** Moves a record away, at once, and then deletes it. */
  async discard(id: WorkloadId): Promise<void> {
    const { layout, random } = this.#options
    const files = recordFiles(layout, id)
    const trash = join(layout.trash, `${id}.${nameSuffix(random, 8)}`)
    await rename(files.root, trash).catch(ignoreAbsence)
    await unlink(files.exit).catch(ignoreAbsence)
    await rm(trash, { recursive: true, force: true })
  }

  async #submit(workload: Workload): Promise<void> {
    const { owner, records, clock, cgroups } = this.#options
    if (workload.access !== undefined) throw noAccess(workload.id, workload.access)
    checkWorkload(workload, owner)
    if (records.of(workload.id, clock.now()) !== undefined) return
    const groups = cgroups?.groupsOf(workload.id) ?? []
    // Traces of a start that a crash cut short, or that another instance has under way: whoever claims first has it.
    if (!(await this.callOff(workload.id, groups))) return
    const mounts = await checkMounts(workload.mounts)
    const ports = await this.#choosePorts(workload)
    await this.#makeRoot(workload.id)
    try {
      await this.#start(workload, ports, groups, mounts)
    } catch (cause) {
      if (await this.callOff(workload.id, groups)) throw asEngineError(workload.id, cause)
    } finally {
      this.#reserved.delete(workload.id)
    }
  }

  async #start(
    workload: Workload,
    ports: Readonly<Record<string, number>>,
    groups: readonly string[],
    mounts: readonly CheckedMount[],
  ): Promise<void> {
    const { layout, cgroups, clock } = this.#options
    const files = recordFiles(layout, workload.id)
    const filled = fillWorkload(workload, files.dir, ports)
    writeRecord(files, recordOf(workload, filled, ports, groups))
    const guise = await this.#guise(workload, filled, files, mounts)
    await makePrivateDirectory(files.dir, filled, guise.identity)
    await checkWorkingDirectory(filled.workingDirectory)
    await writeFile(files.run, runScript(filled.command, filled.environment, filled.workingDirectory), { mode: 0o600 })
    cgroups?.create(workload.id, workload.resources)
    await launch(
      { files, supervisors: cgroups?.supervisors ?? [], groups, oomScore: OOM_SCORES[workload.labels.kind], prefix: guise.prefix },
      clock,
    )
  }

  /** Of two instances that take the same workload on, the one that makes the directory goes on. */
  async #makeRoot(id: WorkloadId): Promise<void> {
    const { layout, isolation } = this.#options
    try {
      // Open to the workload's user where only file modes keep others out; in a private view nobody comes here.
      await mkdir(recordFiles(layout, id).root, { mode: isolation.kind === 'user' ? 0o711 : 0o700 })
    } catch (cause) {
      this.#reserved.delete(id)
      if (!hasCode(cause, 'EEXIST')) throw cause
      const message = `Another Manor on the same directory is starting ${id}.`
      throw new EngineError({ code: 'launch-timeout', message, mend: 'Let one Manor alone use a home.' }, true, { cause })
    }
  }

  /** One choice at a time: the look for listeners listens itself, and two looks at one port would take each other for somebody else. */
  #choosePorts(workload: Workload): Promise<Readonly<Record<string, number>>> {
    const choice = this.#choosing.then(async () => {
      if (Object.keys(workload.ports).length === 0) return {}
      const taken = this.#takenPorts()
      const ports = await choosePorts(workload.ports, port => taken.has(port), this.#options.random)
      this.#reserved.set(workload.id, Object.values(ports))
      return ports
    })
    this.#choosing = choice.catch(() => undefined)
    return choice
  }

  #takenPorts(): ReadonlySet<number> {
    const { records, clock } = this.#options
    const live = records.all(clock.now()).filter(({ exit }) => exit === undefined)
    return new Set([...live.flatMap(({ record }) => Object.values(record.ports)), ...[...this.#reserved.values()].flat()])
  }

  async #guise(workload: Workload, filled: Filled, files: RecordFiles, mounts: readonly CheckedMount[]): Promise<Guise> {
    const { isolation, identities, hidden, layout, onWarning } = this.#options
    if (isolation.kind === 'none') return { identity: undefined, prefix: [] }
    const identity = identities.of(workload.account)
    const drop = dropTo(identity)
    const paths = [files.dir, ...mounts.map(({ source }) => source)]
    const closed = (await Promise.all(paths.map(closedAncestor))).filter(path => path !== undefined)
    if (isolation.kind === 'view') {
      const clash = mounts.find(({ source }) => hidden.includes(source))
      if (clash) throw invalid(`The mount ${clash.source} holds Manor's own files.`, 'Mount what is needed of it, not all.')
      const privateTmp = join(files.dir, 'tmp')
      const home = filled.environment.HOME ?? files.dir
      const replaced = await writeAccounts(files.root, workload.account, identity, fitsAccount(home) ? home : files.dir)
      const plan = planView({ dir: files.dir, privateTmp, stage: layout.stage, hidden: [...hidden, ...closed], mounts, replaced })
      return { identity, prefix: [...inView(viewScript(plan, layout.stage, isolation.hideProcesses)), ...drop] }
    }
    const [first] = closed
    if (first === undefined) return { identity, prefix: drop }
    onWarning(
      `${workload.id} runs as Manor's own user: ${first} is closed to the user of ${workload.account}. Keep Manor's home and its cache below directories that others may enter.`,
    )
    return { identity: undefined, prefix: [] }
  }
}

const recordOf = (
  { id, labels, tenant, resources, graceMs }: Workload,
  { command: [program = ''] }: Filled,
  ports: Readonly<Record<string, number>>,
  groups: readonly string[],
): WorkloadRecord => ({ id, labels, tenant, program, ports, memoryMb: resources.memoryMb, graceMs, groups })

/** A workload here is a user of this machine: what would be given to it would be given to all that this user runs. */
const noAccess = (id: WorkloadId, access: Access): EngineError =>
  invalid(
    `${id} asks for ${accessWords(access)}, and the process engine runs builds as plain users of this machine, without containers.`,
    'Take it out of the access of its template, or run builds on an engine with containers, such as docker.',
  )

const checkWorkingDirectory = async (path: string): Promise<void> => {
  const isDirectory = await stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
  if (!isDirectory) throw invalid(`The working directory ${path} is not there.`, 'Make it first, or leave it out.')
}

/** What the machine refused, as something that a person can mend and that is tried again. */
const asEngineError = (id: WorkloadId, cause: unknown): EngineError => {
  if (cause instanceof EngineError) return cause
  const said = cause instanceof Error ? cause.message : String(cause)
  const isFull = hasCode(cause, 'ENOSPC') || hasCode(cause, 'EDQUOT')
  return new EngineError(
    {
      code: isFull ? 'disk-limit' : 'launch-timeout',
      message: `The workload ${id} could not be started: ${said}.`,
      mend: isFull ? "Free some of the disk that holds Manor's home." : 'It is tried again; see the message for what the machine refused.',
    },
    true,
    { cause },
  )
}

const ignoreAbsence = (cause: unknown): void => {
  if (!hasCode(cause, 'ENOENT')) throw cause
}
