import type { Task } from '../types.ts'

/** What is wrong with what a task asks, with its mend; undefined where it is right. Asked of every task, so the usual one costs no allocation. */
export const taskProblem = (task: Task): string | undefined => {
  const { id, resources, networkMbps = 0, ports = 0, priority = 0, readyAt } = task
  return (
    amountProblem(id, 'cpu', resources.cpu) ??
    amountProblem(id, 'memoryMb', resources.memoryMb) ??
    amountProblem(id, 'diskMb', resources.diskMb) ??
    amountProblem(id, 'networkMbps', networkMbps) ??
    amountProblem(id, 'ports', ports) ??
    (Number.isInteger(ports) ? undefined : `${id} asks for ${ports} ports; it has to be a whole number.`) ??
    (Number.isFinite(priority) ? undefined : `The priority of ${id} is ${priority}; it has to be a number.`) ??
    (Number.isNaN(readyAt) ? `When ${id} is ready is no number; give milliseconds since the epoch.` : undefined) ??
    rareProblem(task)
  )
}

const rareProblem = ({ id, scalars, sets, soft }: Task): string | undefined => {
  for (const [name, amount] of Object.entries(scalars ?? NONE)) {
    const problem = amountProblem(id, name, amount)
    if (problem !== undefined) return problem
  }
  for (const { name, units } of sets ?? []) {
    const problem = amountProblem(id, `units of ${name}`, units)
    if (problem !== undefined) return problem
  }
  return soft?.some(({ weight }) => !(weight > 0))
    ? `A soft constraint of ${id} does not weigh more than 0; leave out what should not count.`
    : undefined
}

const NONE: Readonly<Record<string, number>> = {}

const amountProblem = (id: string, name: string, amount: number): string | undefined =>
  amount >= 0 && amount < Number.POSITIVE_INFINITY ? undefined : `${id} asks for ${amount} ${name}; it has to be a number of 0 or more.`
