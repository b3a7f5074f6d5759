import { readdirSync, readFileSync } from 'node:fs'
import type { WorkloadId } from '../../src/model/index.ts'

/** Processes of this machine that carry the mark of one of these workloads, or are theirs by what `isTheirs` knows; each as `PID: command`. */
export const markedProcesses = (ids: readonly WorkloadId[], isTheirs: (pid: string) => boolean = () => false): string[] =>
  readdirSync('/proc')
    .filter(pid => /^\d+$/.test(pid))
    .filter(pid => {
      const variables = readProcess(pid, 'environ').split('\0')
      return isTheirs(pid) || ids.some(id => variables.includes(`MANOR_WORKLOAD=${id}`))
    })
    .map(pid => `${pid}: ${readProcess(pid, 'cmdline').replaceAll('\0', ' ')}`)

/** A file of /proc/PID; empty where the process is gone. */
export const readProcess = (pid: string, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}

/** For `markedProcesses`: whether a process is in the control group of one of these containers. */
export const inContainers =
  (containers: readonly string[]) =>
  (pid: string): boolean => {
    const groups = readProcess(pid, 'cgroup')
    return containers.some(id => groups.includes(id))
  }
