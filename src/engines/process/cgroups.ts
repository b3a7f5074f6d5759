import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { BYTES_PER_MEBIBYTE, type Mebibytes, type Resources } from '../../model/index.ts'
import { hasCode } from '../../runtime/index.ts'
import { type CgroupMounts, readCgroupMounts } from './cgroup-mounts.ts'

/**
 * Control groups, version 2 or 1, whichever of them can be written. What can be done is found out by doing it once to a group of our own,
 * never by looking at versions. Reads and writes are synchronous: these files are memory.
 *
 * Version 2: Documentation/admin-guide/cgroup-v2.rst of the kernel. Version 1: Documentation/admin-guide/cgroup-v1/{memory,pids}.rst.
 */
export type Cgroups = {
  readonly version: 1 | 2
  readonly memory: boolean
  readonly cpu: boolean
  /** Why memory or cpu is not limited, in words for a person. */
  readonly reason?: string
  /** Groups for the supervising shells, so that whoever ends Manor's own group does not end them. */
  readonly supervisors: readonly string[]
  /** The groups of a workload, the one that counts memory first. */
  groupsOf(id: string): readonly string[]
  /** Makes them afresh with their limits: what a workload of the same id left there would keep its old counters. */
  create(id: string, resources: Resources): void
  /** Takes the owner's groups away, where no workload needs them. Where a process is still ending in one, it stays for the next time. */
  retire(): void
}

/** What the groups of a workload tell of its memory. */
export type MemoryUse = { readonly memoryMb: Mebibytes; readonly peakMemoryMb: Mebibytes; readonly oomKills: number }

/** Processes and threads that one workload may have: a build tool with a thread pool per module needs hundreds; a fork bomb ends here. */
const MAX_PROCESSES = 4096
const CPU_SHARES_PER_CORE = 1024
/** Version 2's default weight, so that a workload of one core weighs what an unconfigured group weighs. */
const CPU_WEIGHT_PER_CORE = 100

type Setting = readonly [file: string, value: string, optional?: 'optional']

const memorySettings = (version: 1 | 2, memoryMb: Mebibytes): Setting[] => {
  if (memoryMb <= 0) return []
  const bytes = String(memoryMb * BYTES_PER_MEBIBYTE)
  // Without swap a limit is a limit; where the kernel does not count swap there is nothing to write. In version 2 memory.oom.group stays off:
  // a build that outgrows the limit loses its compiler, not its agent, and says so.
  return version === 2
    ? [
        ['memory.max', bytes],
        ['memory.swap.max', '0', 'optional'],
      ]
    : [
        ['memory.limit_in_bytes', bytes],
        ['memory.memsw.limit_in_bytes', bytes, 'optional'],
      ]
}

const cpuSettings = (version: 1 | 2, cpu: number): Setting[] =>
  version === 2
    ? [['cpu.weight', String(clamp(Math.round(cpu * CPU_WEIGHT_PER_CORE), 1, 10_000))]]
    : [['cpu.shares', String(clamp(Math.round(cpu * CPU_SHARES_PER_CORE), 2, 262_144))]]

/**
 * What the owner's group, which holds all workloads, weighs against everything else on the machine. Weights count among siblings alone: left as
 * it is made, the group would be one of equals with every service beside it, and a whole fleet would get what one busy daemon gets. It weighs what
 * all cores do, as if the workloads stood beside the services themselves: what they may use at most is what the host has to give.
 */
export const ownerSettings = (version: 1 | 2, cores: number): Setting[] => cpuSettings(version, cores)

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value))

/** The settings of one controller's group, for the version that it is mounted under. */
export const settingsOf = (controller: Controller, version: 1 | 2, { memoryMb, cpu }: Resources): Setting[] => {
  if (controller === 'memory') return memorySettings(version, memoryMb)
  if (controller === 'cpu') return cpu > 0 ? cpuSettings(version, cpu) : []
  return [['pids.max', String(MAX_PROCESSES)]]
}

const CONTROLLERS = ['memory', 'cpu', 'pids'] as const
type Controller = (typeof CONTROLLERS)[number]

/** Enough to show that limits are taken. */
const PROBE: Resources = { cpu: 1, memoryMb: 64, diskMb: 0 }
const PROBE_NAME = 'probe'
const SUPERVISORS_NAME = 'supervisors'

/** Opens the groups of one owner, or says why there are none. `cores` are those that all workloads together may use. */
export const openCgroups = (
  owner: string,
  mounts: CgroupMounts = readCgroupMounts(),
  cores: number = availableParallelism(),
): Cgroups | { readonly reason: string } => {
  const name = `manor-${owner}`
  const problems: string[] = []
  if (mounts.unified !== undefined) {
    const opened = openUnified(mounts.unified, name, cores)
    if (typeof opened !== 'string') return opened
    problems.push(opened)
  }
  const opened = openSeparate(mounts, name, cores)
  if (typeof opened !== 'string') return opened
  problems.push(opened)
  return { reason: problems.filter(problem => problem !== '').join(' ') }
}

/** Version 1: each controller has a tree of its own. */
const openSeparate = (mounts: CgroupMounts, name: string, cores: number): Cgroups | string => {
  const parents = new Map<Controller, string>()
  const problems: string[] = []
  for (const controller of CONTROLLERS) {
    const places = mounts.separate.get(controller)
    if (places === undefined) {
      problems.push(`The ${controller} control group is not mounted.`)
      continue
    }
    const parent = firstThatWorks(
      places.map(place => join(place, name)),
      candidate => probe(candidate, [controller], 1),
    )
    if (typeof parent === 'string') parents.set(controller, parent)
    else problems.push(`The ${controller} control group cannot be written: ${parent.problem}.`)
  }
  if (!parents.has('memory') && !parents.has('cpu')) return problems.join(' ')
  return cgroupsOf(1, parents, problems, cores)
}

/** Version 2: one tree; a controller must be handed down to children, and a group with children must hold no process itself. */
const openUnified = (places: readonly string[], name: string, cores: number): Cgroups | string => {
  let best: { parent: string; controllers: readonly Controller[] } | undefined
  const problems: string[] = []
  for (const place of places) {
    // On a hybrid machine the version 2 tree is there but its controllers are used by version 1.
    if (!readWords(join(place, 'cgroup.controllers')).includes('memory')) continue
    const parent = join(place, name)
    const handed = attempt(() => {
      handDownVacating(place)
      makeDirectory(parent)
      handDown(parent)
      return readWords(join(parent, 'cgroup.subtree_control'))
    })
    if ('problem' in handed) problems.push(`Control groups below ${place} cannot be written: ${handed.problem}.`)
    else {
      const controllers = CONTROLLERS.filter(controller => handed.value.includes(controller))
      if (controllers.includes('memory') && 'value' in probe(parent, controllers, 2)) {
        best = { parent, controllers }
        break
      }
    }
  }
  if (best === undefined) return problems[0] ?? ''
  const { parent, controllers } = best
  const missing = CONTROLLERS.filter(controller => !controllers.includes(controller)).map(
    controller => `The ${controller} controller is not handed down to ${parent}.`,
  )
  return cgroupsOf(2, new Map(controllers.map(controller => [controller, parent])), missing, cores)
}

/** Lets a version 2 group's children use what it has itself. Refused where the group holds processes: then another place must do. */
const handDown = (group: string): void => {
  const available = readWords(join(group, 'cgroup.controllers'))
  const wanted = CONTROLLERS.filter(controller => available.includes(controller))
  const has = readWords(join(group, 'cgroup.subtree_control'))
  for (const controller of wanted) if (!has.includes(controller)) writeFileSync(join(group, 'cgroup.subtree_control'), `+${controller}`)
}

/**
 * The same for a group that was given to Manor with its own processes in it, as a service manager's delegation or a container does: they move
 * one level down, into a leaf (cgroup-v2.rst, "No Internal Process Constraint").
 */
const handDownVacating = (group: string): void => {
  try {
    handDown(group)
  } catch (cause) {
    if (!hasCode(cause, 'EBUSY')) throw cause
    vacate(group)
    handDown(group)
  }
}

const VACATED_NAME = 'manor-self'

export const vacate = (group: string): void => {
  const leaf = join(group, VACATED_NAME)
  makeDirectory(leaf)
  for (const pid of processesIn(group)) writeFileSync(join(leaf, 'cgroup.procs'), String(pid))
}

const readWords = (file: string): string[] => readFileSync(file, 'utf8').trim().split(/\s+/)

const cgroupsOf = (version: 1 | 2, parents: ReadonlyMap<Controller, string>, problems: readonly string[], cores: number): Cgroups => {
  const cpuParent = parents.get('cpu')
  if (cpuParent !== undefined) make(cpuParent, ownerSettings(version, cores))
  const distinct = [...new Set(parents.values())]
  const supervisors = distinct.map(parent => join(parent, SUPERVISORS_NAME))
  for (const group of supervisors) makeDirectory(group)
  return {
    version,
    memory: parents.has('memory'),
    cpu: parents.has('cpu'),
    ...(problems.length === 0 ? {} : { reason: problems.join(' ') }),
    supervisors,
    groupsOf: id => distinct.map(parent => join(parent, id)),
    create: (id, resources) => {
      removeGroups(distinct.map(parent => join(parent, id)))
      for (const [controller, parent] of parents) make(join(parent, id), settingsOf(controller, version, resources))
    },
    retire: () => {
      for (const parent of distinct) {
        try {
          removeGroups([parent])
        } catch (cause) {
          if (!hasCode(cause, 'EBUSY')) throw cause
        }
      }
    },
  }
}

const make = (group: string, settings: readonly Setting[]): void => {
  makeDirectory(group)
  for (const [file, value, optional] of settings) {
    const path = join(group, file)
    if (optional && !isWritable(path)) continue
    writeFileSync(path, value)
  }
}

/** One level, never recursively: on file systems that make no directories Node's recursive mkdir tries for ever. */
const makeDirectory = (path: string): void => {
  try {
    mkdirSync(path)
  } catch (cause) {
    if (!hasCode(cause, 'EEXIST')) throw cause
  }
}

const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

const probe = (parent: string, controllers: readonly Controller[], version: 1 | 2): Attempt<void> =>
  attempt(() => {
    const group = join(parent, PROBE_NAME)
    makeDirectory(parent)
    for (const controller of controllers) make(group, settingsOf(controller, version, PROBE))
    rmdirSync(group)
  })

type Attempt<Value> = { readonly value: Value } | { readonly problem: string }

const attempt = <Value>(work: () => Value): Attempt<Value> => {
  try {
    return { value: work() }
  } catch (cause) {
    return { problem: cause instanceof Error ? cause.message : String(cause) }
  }
}

const firstThatWorks = (candidates: readonly string[], check: (candidate: string) => Attempt<void>): string | { problem: string } => {
  let problem = 'there is no place for it'
  for (const candidate of candidates) {
    const result = check(candidate)
    if ('value' in result) return candidate
    problem = result.problem
  }
  return { problem }
}

/** The group that counts a workload's memory, and in which version's files. */
export type MemoryCounter = { readonly group: string; readonly version: 1 | 2 }

export const findMemoryCounter = (groups: readonly string[]): MemoryCounter | undefined => {
  for (const group of groups) {
    if (existsSync(join(group, 'memory.current'))) return { group, version: 2 }
    if (existsSync(join(group, 'memory.usage_in_bytes'))) return { group, version: 1 }
  }
  return undefined
}

const MEMORY_FILES = {
  1: { usage: 'memory.usage_in_bytes', peak: 'memory.max_usage_in_bytes', events: 'memory.oom_control', droppable: 'total_inactive_file' },
  2: { usage: 'memory.current', peak: 'memory.peak', events: 'memory.events', droppable: 'inactive_file' },
} as const

/** What the counter says now: four reads, some 50 microseconds. Undefined where the group is gone. */
export const readMemoryUse = ({ group, version }: MemoryCounter): MemoryUse | undefined => {
  const files = MEMORY_FILES[version]
  const usage = readNumber(join(group, files.usage))
  if (usage === undefined) return undefined
  // Page cache that the kernel can drop at once is not what a person means by "used" (the same sum as Kubernetes' working set).
  const droppable = readTable(join(group, 'memory.stat')).get(files.droppable) ?? 0
  return {
    memoryMb: toMebibytes(Math.max(0, usage - droppable)),
    // Kernels before 5.19 keep no peak in version 2.
    peakMemoryMb: toMebibytes(readNumber(join(group, files.peak)) ?? usage),
    oomKills: readTable(join(group, files.events)).get('oom_kill') ?? 0,
  }
}

export const toMebibytes = (bytes: number): Mebibytes => Math.ceil(bytes / BYTES_PER_MEBIBYTE)

/** Kills all that is in the groups. Repeat until `processesIn` is empty: a process may fork while it is counted. */
export const killGroups = (groups: readonly string[], kill: (pid: number) => void): void => {
  for (const group of groups) {
    const file = join(group, 'cgroup.kill')
    if (isWritable(file)) attempt(() => writeFileSync(file, '1'))
    for (const pid of processesIn(group)) kill(pid)
  }
}

const processesIn = (group: string): number[] =>
  (readText(join(group, 'cgroup.procs')) ?? '')
    .split('\n')
    .map(Number)
    // 0 is a process of another pid namespace: no number that could be signalled.
    .filter(pid => pid > 0)

/** Takes the groups away. Of groups that are gone already: nothing. */
export const removeGroups = (groups: readonly string[]): void => {
  for (const group of groups) {
    try {
      for (const child of readdirSync(group, { withFileTypes: true })) if (child.isDirectory()) removeGroups([join(group, child.name)])
      rmdirSync(group)
    } catch (cause) {
      if (!hasCode(cause, 'ENOENT')) throw cause
    }
  }
}

const readText = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // Files differ with version and kernel, and a group may go at any moment: absence is an answer.
    return undefined
  }
}

const readNumber = (file: string): number | undefined => {
  const text = readText(file)
  return text === undefined || !/^\d+/.test(text) ? undefined : Number.parseInt(text, 10)
}

const readTable = (file: string): ReadonlyMap<string, number> =>
  new Map(
    (readText(file) ?? '').split('\n').flatMap(line => {
      const [key, value] = line.split(' ')
      return key !== undefined && value !== undefined ? [[key, Number(value)] as const] : []
    }),
  )
