import { closeSync, fstatSync, openSync, readFileSync, readSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { type TenantId, tenantId, type WorkloadId, type WorkloadLabels, workloadId } from '../../model/index.ts'
import { hasCode } from '../../runtime/index.ts'
import { LAST_WORDS_BYTES } from './java-heap.ts'
import type { RecordFiles } from './layout.ts'
import type { ProcessIdentity } from './processes.ts'

/**
 * What is kept of a workload on disk, and how it is read back. Each file is written once, by one writer: `workload.json` and `stop.json` by
 * Manor, `claim`, `main`, `launch-failed` and the exit file by supervise.sh. Reading is synchronous: the files are a few bytes and cached.
 */
const WorkloadFileSchema = Type.Object({
  format: Type.Literal(1),
  id: Type.String(),
  labels: Type.Object({
    owner: Type.String(),
    kind: Type.Union([Type.Literal('controller'), Type.Literal('agent')]),
    noun: Type.String(),
    epoch: Type.Number(),
  }),
  tenant: Type.String(),
  program: Type.String(),
  ports: Type.Record(Type.String(), Type.Integer()),
  memoryMb: Type.Number(),
  graceMs: Type.Number(),
  /** Control groups, the one that counts memory first; empty where there are none. */
  groups: Type.Array(Type.String()),
})

/** A workload as it was taken on: no environment, no arguments and no file contents, since those may hold secrets. */
export type WorkloadRecord = {
  readonly id: WorkloadId
  readonly labels: WorkloadLabels
  readonly tenant: TenantId
  readonly program: string
  readonly ports: Readonly<Record<string, number>>
  readonly memoryMb: number
  readonly graceMs: number
  readonly groups: readonly string[]
}

const StopFileSchema = Type.Object({
  askedAt: Type.Number(),
  killAt: Type.Number(),
  sentAt: Type.Optional(Type.Number()),
  killedAt: Type.Optional(Type.Number()),
})

/** A stop that was asked for: intent first, then what was done about it. Times are of the wall clock, since they outlive Manor. */
export type StopRecord = Readonly<Static<typeof StopFileSchema>>

/** The supervising shell, as it wrote itself down when it claimed the start. */
export type Claim = ProcessIdentity & { readonly bootId: string; readonly at: number }
/** The command's process, which leads the workload's session and process group. */
export type Main = ProcessIdentity & { readonly at: number }
export type Exit = { readonly status: number | undefined; readonly oomKills: number; readonly peakBytes: number; readonly at: number }

/** What stands in the claim of a start that will never happen, and in the exit file of an end that nobody saw. */
export const VOID = 'void'
export const LOST = 'lost'

export const writeRecord = (files: RecordFiles, record: WorkloadRecord): void =>
  replaceFile(files.record, JSON.stringify({ format: 1, ...record }, undefined, 2))

export const writeStop = (files: RecordFiles, stop: StopRecord): void => replaceFile(files.stop, JSON.stringify(stop))

/** Another instance, or the next one after a crash, sees the old text or the new one, never half of it. */
const replaceFile = (path: string, text: string): void => {
  writeFileSync(`${path}.new`, text, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

export const readRecord = (files: RecordFiles): WorkloadRecord | undefined => {
  const file = readDated(files.record)
  if (file === undefined) return undefined
  const { id, tenant, format: _format, ...rest } = Value.Parse(WorkloadFileSchema, JSON.parse(file.text))
  return { ...rest, id: workloadId(id), tenant: tenantId(tenant) }
}

export const readStop = (files: RecordFiles): StopRecord | undefined => {
  const file = readDated(files.stop)
  return file === undefined ? undefined : Value.Parse(StopFileSchema, JSON.parse(file.text))
}

/** The instant between making the claim's file and writing its only line. */
export type OpenClaim = { readonly openSince: number }

export const readClaim = (files: RecordFiles): Claim | OpenClaim | typeof VOID | undefined => {
  const file = readDated(files.claim)
  if (file === undefined) return undefined
  const [pid, start, bootId] = file.text.trim().split(' ')
  if (pid === VOID) return VOID
  return pid && start && bootId ? { pid: Number(pid), start, bootId, at: file.at } : { openSince: file.at }
}

export const readMain = (files: RecordFiles): Main | undefined => {
  const file = readDated(files.main)
  const [pid, start] = file?.text.trim().split(' ') ?? []
  return file && pid && start ? { pid: Number(pid), start, at: file.at } : undefined
}

export const readExit = (files: RecordFiles): Exit | undefined => {
  const file = readDated(files.exit)
  const [status, oomKills, peakBytes] = file?.text.trim().split(' ') ?? []
  if (!file || !status) return undefined
  return {
    status: status === LOST ? undefined : Number(status),
    oomKills: Number(oomKills ?? 0),
    peakBytes: Number(peakBytes ?? 0),
    at: file.at,
  }
}

export const readLaunchFailure = (files: RecordFiles): string | undefined => readDated(files.launchFailed)?.text.trim()

/** The end of what it wrote; empty where that cannot be read. */
export const readLastWords = ({ log }: Pick<RecordFiles, 'log'>): string => {
  try {
    const file = openSync(log, 'r')
    try {
      const { size } = fstatSync(file)
      const bytes = Buffer.alloc(Math.min(size, LAST_WORDS_BYTES))
      const read = readSync(file, bytes, 0, bytes.length, size - bytes.length)
      return bytes.toString('utf8', 0, read)
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    if (hasCode(cause, 'ENOENT', 'ENOTDIR', 'EIO')) return ''
    throw cause
  }
}

/** A file's text and when it was last written, in whole milliseconds; undefined where it is not there. */
const readDated = (path: string): { readonly text: string; readonly at: number } | undefined => {
  try {
    return { text: readFileSync(path, 'utf8'), at: Math.round(statSync(path).mtimeMs) }
  } catch (cause) {
    if (hasCode(cause, 'ENOENT', 'ENOTDIR')) return undefined
    throw cause
  }
}
