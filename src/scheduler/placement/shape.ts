import type { Ask } from '../fleet/dimensions.ts'
import { ROLE_CODES } from '../fleet/fleet.ts'
import type { SetAsk, Task } from '../types.ts'
import { type Check, type CheckContext, type Constraint, checkOf } from './constraint.ts'
import { type Fitness, isOpaque, type Score, scoreOf } from './fitness.ts'
import type { HostTree } from './host-tree.ts'

/**
 * What decides where a task may go. Tasks of one shape go to the same hosts equally well, so what was worked out for one holds for the
 * next: a fleet's work has few shapes (its templates), however many tasks there are.
 */
export type Shape = {
  /** What tells shapes apart. */
  readonly key: string
  readonly ask: Ask
  readonly role: number
  /** The tenant's code where hosts are reserved for it, else 0: all other tenants are alike. */
  readonly tenantCode: number
  /** Whether it is the shape of a tenant for which hosts are reserved. */
  readonly isReserved: boolean
  readonly wantsToBeAlone: boolean
  readonly sets: readonly SetAsk[]
  readonly hard: readonly Check[]
  readonly soft: readonly { readonly check: Check; readonly weight: number }[]
  readonly fitness: Score
  readonly reach: Check['reach']
  /** How many tasks of it wait. */
  waiting: number
  /** Scores of all hosts as of `version`; made at the second use. */
  tree: HostTree | undefined
  version: number
  orderVersion: number
  uses: number
  /** The version at which no host had room, or -1. */
  refusedAt: number
}

/** A key that is the same for tasks that are placed alike, or undefined where a function of the caller's own may tell them apart. */
export const shapeKey = (task: Task, reserved: boolean, fitness: Fitness): string | undefined => {
  const { resources, hard, soft, sets, scalars, near, networkMbps = 0, ports = 0 } = task
  const who = `${task.tier === 'controller' ? 'c' : 'b'} ${task.exclusive === true ? 'alone' : ''} ${reserved ? task.tenant : ''}`
  const base = `${who} ${resources.cpu} ${resources.memoryMb} ${resources.diskMb} ${networkMbps} ${ports}`
  const constraints = Object.keys(task.constraints).length > 0
  if (isOpaque(fitness)) return undefined
  if (!constraints && hard === undefined && soft === undefined && sets === undefined && scalars === undefined && near === undefined)
    return base
  const all = [...(hard ?? []), ...(soft ?? []).map(({ constraint }) => constraint)]
  if (all.some(({ kind }) => kind === 'custom')) return undefined
  // A group is part of the shape where a constraint asks about it.
  const group = all.some(asksAboutGroup) ? (task.group ?? task.id) : undefined
  const named = [Object.entries(task.constraints).sort(), Object.entries(scalars ?? {}).sort()]
  return `${base} ${JSON.stringify([named, hard, soft, sets, near, group])}`
}

const asksAboutGroup = ({ kind }: Constraint): boolean => kind === 'unique' || kind === 'balanced' || kind === 'affinity'

export const shapeOf = (task: Task, key: string, reserved: boolean, fitness: Fitness, context: CheckContext): Shape => {
  const { fleet } = context
  const ask = fleet.askOf(task, task.ports ?? 0)
  const attributes = Object.entries(task.constraints).map(([attribute, value]) =>
    checkOf({ kind: 'attribute', attribute, oneOf: [value] }, task, context),
  )
  const hard = [...attributes, ...(task.hard ?? []).map(constraint => checkOf(constraint, task, context))]
  const soft = (task.soft ?? []).map(({ constraint, weight }) => ({ check: checkOf(constraint, task, context), weight }))
  const reachesOut = isOpaque(fitness) || hard.some(isWide) || soft.some(({ check }) => isWide(check))
  return {
    key,
    ask,
    role: ROLE_CODES[task.tier === 'controller' ? 'controllers' : 'builds'],
    tenantCode: reserved ? fleet.tenantCode(task.tenant) : 0,
    isReserved: reserved,
    wantsToBeAlone: task.exclusive === true,
    sets: task.sets ?? [],
    hard,
    soft,
    fitness: scoreOf(fitness, task, ask, context),
    reach: reachesOut ? 'fleet' : 'host',
    waiting: 0,
    tree: undefined,
    version: 0,
    orderVersion: -1,
    uses: 0,
    refusedAt: -1,
  }
}

const isWide = ({ reach }: Check): boolean => reach === 'fleet'
