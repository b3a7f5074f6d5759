import type { Reason, Resources } from '../model/index.ts'
import { isEligible, type Place } from './places.ts'
import { fits, RESOURCE_NAMES } from './resources.ts'
import type { Task } from './types.ts'

type Why = Omit<Reason, 'since'>

/** Why a task has no place: there is no such host, all are too small, all are full, or others were in turn before it. */
export const explainNoPlace = (places: readonly Place[], task: Task): Why => {
  const eligible = places.filter(({ host }) => isEligible(host, task))
  const asked = words(task.resources)
  if (eligible.length === 0) return noHost(places, task)
  if (!eligible.some(({ host }) => fits(task.resources, host.capacity)))
    return {
      code: 'no-capacity',
      message: `It asks for ${asked}, and the largest of ${hosts(eligible.length)} has ${words(largest(eligible.map(({ host }) => host.capacity)))} in all.`,
      mend: 'Let it ask for less, or add a larger host.',
    }
  if (eligible.some(({ atStart }) => fits(task.resources, atStart)))
    return {
      code: 'waiting-turn',
      message: `It asks for ${asked}; what was free went to those in turn before it.`,
    }
  return {
    code: 'no-capacity',
    message: `It asks for ${asked}; the most that is free is ${words(largest(eligible.map(({ free }) => free)))} on ${hosts(eligible.length)}.`,
    mend: 'Wait for running work to end, or add a host.',
  }
}

export const explainQuota = (task: Task, { quota, used }: { readonly quota: Resources; readonly used: Resources }): Why => ({
  code: 'quota',
  message: `It asks for ${words(task.resources)}, but team ${task.tenant} uses ${words(used)} of its quota of ${words(quota)}.`,
  mend: `Wait for the team's other agents to end, or raise the quota of ${task.tenant}.`,
})

const noHost = (places: readonly Place[], task: Task): Why => {
  const wanted = Object.entries(task.constraints).map(([name, value]) => `${name}=${value}`)
  if (places.length === 0)
    return { code: 'no-capacity', message: 'There is no host yet.', mend: 'Wait for the engine to tell its hosts, or add one.' }
  return {
    code: 'no-capacity',
    message: `None of ${hosts(places.length)} takes ${task.tier}s of team ${task.tenant}${wanted.length > 0 ? ` and has ${wanted.join(', ')}` : ''}.`,
    mend: `Add such a host${wanted.length > 0 ? ', correct the constraints' : ''}, or uncordon one.`,
  }
}

/** The most of each resource; of several hosts, so no one of them need have all of it. */
const largest = (all: readonly Resources[]): Resources => {
  const most = { cpu: 0, memoryMb: 0, diskMb: 0 }
  for (const one of all) for (const name of RESOURCE_NAMES) most[name] = Math.max(most[name], one[name])
  return most
}

const hosts = (count: number): string => (count === 1 ? '1 host' : `${count} hosts`)
const words = ({ cpu, memoryMb, diskMb }: Resources): string =>
  `${round(cpu)} cpu, ${round(memoryMb)} MB memory and ${round(diskMb)} MB disk`
const round = (value: number): number => Math.round(value * 100) / 100
