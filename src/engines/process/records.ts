import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { BYTES_PER_MEBIBYTE, type WorkloadId, workloadId } from '../../model/index.ts'
import { hasCode } from '../../runtime/index.ts'
import { findMemoryCounter, killGroups, type MemoryCounter, readMemoryUse, toMebibytes } from './cgroups.ts'
import { type Layout, type RecordFiles, recordFiles } from './layout.ts'
import { type Facts, stateOf } from './observe.ts'
import { isAlive, processesWithEnvironment, readBootId, readPageBytes, residentPagesBySession, sendSignal } from './processes.ts'
import {
  type Claim,
  type Exit,
  LOST,
  type Main,
  readClaim,
  readExit,
  readLastWords,
  readLaunchFailure,
  readMain,
  readRecord,
  readStop,
  type StopRecord,
  VOID,
  type WorkloadRecord,
  writeStop,
} from './record.ts'
import { WORKLOAD_VARIABLE } from './run-script.ts'

/** A shell that claimed a start writes its line at once; one that has not after this long was killed in between. */
const CLAIM_TIMEOUT_MS = 10_000
/** From the claim to the command: some mounts and three execs. A shell that takes this long hangs. */
const LAUNCH_TIMEOUT_MS = 30_000

/** What is remembered of a workload, so that its files are read once. */
type Known = {
  readonly files: RecordFiles
  readonly record: WorkloadRecord
  claim?: Claim
  main?: Main
  exit?: Exit
  stop?: StopRecord
  launchFailure?: string
  lastWords?: string
  /** Where its memory is counted, once that has been looked for. */
  counter?: MemoryCounter | 'none'
  /** Highest sum of resident memory seen, where no control group keeps it. */
  peakBytes: number
}

/**
 * The records of one owner's workloads, joined with what /proc and the control groups say. The disk is the truth; this only remembers what
 * cannot change any more. A look at one that runs costs a read of /proc and four of its control group, some 100 microseconds.
 */
export class Records {
  readonly #layout: Layout
  readonly #owner: string
  readonly #bootId = readBootId()
  readonly #pageBytes = readPageBytes()
  readonly #onWarning: (sentence: string) => void
  readonly #known = new Map<WorkloadId, Known>()
  /** Records that cannot be read; said once, and left alone. */
  readonly #broken = new Set<WorkloadId>()

  constructor(layout: Layout, owner: string, onWarning: (sentence: string) => void) {
    this.#layout = layout
    this.#owner = owner
    this.#onWarning = onWarning
  }

  /** All that have been taken on. Linear in the workloads, and in the machine's processes where some have no control groups. */
  all(now: number): Facts[] {
    const ids = readdirSync(this.#layout.workloads).map(workloadId)
    const present = new Set(ids)
    for (const id of this.#known.keys()) if (!present.has(id)) this.#known.delete(id)
    let sessions: ReadonlyMap<number, number> | undefined
    const shared = (): ReadonlyMap<number, number> => {
      sessions ??= residentPagesBySession()
      return sessions
    }
    return ids.flatMap(id => this.of(id, now, shared) ?? [])
  }

  /** One workload, or undefined where it has not been taken on or belongs to another owner. */
  of(id: WorkloadId, now: number, sessions: () => ReadonlyMap<number, number> = residentPagesBySession): Facts | undefined {
    const known = this.#known.get(id) ?? this.#load(id)
    if (known === undefined) return undefined
    const claim = known.claim ?? readClaim(known.files)
    if (claim === undefined || claim === VOID) return undefined
    if ('bootId' in claim) known.claim = claim
    return this.#look(known, claim, now, sessions)
  }

  /** Workloads that were written down by this owner; `taken` tells which of them got as far as a claim. */
  written(): readonly { readonly record: WorkloadRecord; readonly files: RecordFiles; readonly taken: boolean }[] {
    return readdirSync(this.#layout.workloads).flatMap(name => {
      const files = recordFiles(this.#layout, workloadId(name))
      const record = this.#readRecord(workloadId(name), files)
      return record?.labels.owner === this.#owner ? [{ record, files, taken: existsSync(files.claim) }] : []
    })
  }

  saveStop(id: WorkloadId, stop: StopRecord): void {
    const known = this.#known.get(id)
    if (known === undefined) return
    known.stop = stop
    writeStop(known.files, stop)
  }

  forget(id: WorkloadId): void {
    this.#known.delete(id)
  }

  #load(id: WorkloadId): Known | undefined {
    const files = recordFiles(this.#layout, id)
    const record = this.#readRecord(id, files)
    if (record === undefined || record.labels.owner !== this.#owner) return undefined
    const stop = readStop(files)
    const known: Known = { files, record, peakBytes: 0, ...(stop === undefined ? {} : { stop }) }
    this.#known.set(id, known)
    return known
  }

  /** One record that a failing disk has spoilt must not hide all the others. */
  #readRecord(id: WorkloadId, files: RecordFiles): WorkloadRecord | undefined {
    if (this.#broken.has(id)) return undefined
    try {
      return readRecord(files)
    } catch (cause) {
      this.#broken.add(id)
      this.#onWarning(`The record ${files.record} cannot be read and is left alone: ${cause instanceof Error ? cause.message : cause}.`)
      return undefined
    }
  }

  #look(known: Known, claim: Facts['claim'], now: number, sessions: () => ReadonlyMap<number, number>): Facts {
    const facts = this.#read(known, claim, sessions)
    if (facts.exit !== undefined) return facts
    if (stateOf(facts) !== 'ended') return this.#isStuck(facts, now) ? this.#giveUp(known, claim) : facts
    // It may have written its end between the two looks, and gone.
    const again = this.#read(known, claim, sessions)
    return again.exit === undefined ? this.#giveUp(known, claim) : again
  }

  #read(known: Known, claim: Facts['claim'], sessions: () => ReadonlyMap<number, number>): Facts {
    const { files, record } = known
    if (known.exit === undefined) {
      const exit = existsSync(files.exit) ? readExit(files) : undefined
      if (exit !== undefined) this.#ended(known, exit)
    }
    const main = known.main ?? readMain(files)
    if (main !== undefined) known.main = main
    const sameBoot = !('bootId' in claim) || claim.bootId === this.#bootId
    const runs = known.exit === undefined && sameBoot
    const mainAlive = runs && main !== undefined && isAlive(main)
    const supervisorAlive = runs && !mainAlive && 'pid' in claim && isAlive(claim)
    return {
      record,
      claim,
      main,
      exit: known.exit,
      stop: known.stop,
      launchFailure: known.launchFailure,
      ...(known.lastWords === undefined ? {} : { lastWords: known.lastWords }),
      supervisorAlive,
      mainAlive,
      sameBoot,
      memory: runs ? this.#memory(known, main, sessions) : undefined,
    }
  }

  #memory(known: Known, main: Main | undefined, sessions: () => ReadonlyMap<number, number>): Facts['memory'] {
    const use = readCounter(known)
    if (use !== undefined || main === undefined) return use
    const bytes = (sessions().get(main.pid) ?? 0) * this.#pageBytes
    known.peakBytes = Math.max(known.peakBytes, bytes)
    return { memoryMb: toMebibytes(bytes), peakMemoryMb: toMebibytes(known.peakBytes), oomKills: 0 }
  }

  /** First sight of an end: what the workload left behind goes now, whoever saw it end. */
  #ended(known: Known, exit: Exit): void {
    known.exit = exit.peakBytes === 0 ? { ...exit, peakBytes: known.peakBytes } : exit
    const failure = readLaunchFailure(known.files)
    if (failure !== undefined) known.launchFailure = failure
    if (known.stop === undefined && exit.status !== undefined && exit.status !== 0) known.lastWords = readLastWords(known.files)
    killRemains(known.record)
  }

  #isStuck({ claim, main }: Facts, now: number): boolean {
    if ('openSince' in claim) return now - claim.openSince > CLAIM_TIMEOUT_MS
    return main === undefined && now - claim.at > LAUNCH_TIMEOUT_MS
  }

  /** Writes down an end that nobody else can write any more. */
  #giveUp(known: Known, claim: Facts['claim']): Facts {
    if ('pid' in claim && isAlive(claim)) sendSignal(-claim.pid, 'SIGKILL')
    killRemains(known.record)
    const memory = readCounter(known)
    const line = `${LOST} ${memory?.oomKills ?? 0} ${(memory?.peakMemoryMb ?? 0) * BYTES_PER_MEBIBYTE}`
    try {
      writeFileSync(known.files.exit, line, { mode: 0o600, flag: 'wx' })
    } catch (cause) {
      // Another instance of Manor on the same directory came first.
      if (!hasCode(cause, 'EEXIST')) throw cause
    }
    return this.#read(known, claim, () => new Map())
  }
}

const readCounter = (known: Known): Facts['memory'] => {
  known.counter ??= findMemoryCounter(known.record.groups) ?? 'none'
  return known.counter === 'none' ? undefined : readMemoryUse(known.counter)
}

/** Kills whatever of a workload still runs. */
export const killRemains = (record: WorkloadRecord): void => {
  killGroups(record.groups, pid => sendSignal(pid, 'SIGKILL'))
  if (record.groups.length === 0) for (const pid of processesWithEnvironment(WORKLOAD_VARIABLE, record.id)) sendSignal(pid, 'SIGKILL')
}
