import type { AgentView } from '../../api/contract.ts'

/** What an agent is for: the build that it has, the one that it is to have, or none yet. */
export const workOf = ({ item, task, build }: Pick<AgentView, 'item' | 'task' | 'build'>): string => {
  if (build !== undefined) return `${build.job} #${build.number}`
  return item === undefined && task === '' ? 'warm spare' : task
}
