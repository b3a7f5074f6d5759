import type { CliContext } from '../context.ts'
import type { Core } from './core.ts'
import { loadCore } from './load-core.ts'
import type { Task } from './options.ts'
import { checkReportFile } from './report-file.ts'
import { runProfile } from './run-profile.ts'
import { runReplay } from './run-replay.ts'
import { runScale } from './run-scale.ts'
import { runSeeds } from './run-seeds.ts'

/** Does what was asked. Rejects with a CliError where a claim did not hold (exit code 1) or the input is wrong (2). */
export const runSimulate = async (context: CliContext, task: Task, json: boolean, core?: Core): Promise<void> => {
  if (task.report !== undefined) await checkReportFile(task.report)
  const used = core ?? (await loadCore())
  switch (task.kind) {
    case 'seeds':
      return runSeeds(context, task, json, used)
    case 'scale':
      return runScale(context, task, json, used)
    case 'replay':
      return runReplay(context, task, json, used)
    case 'profile':
      return runProfile(context, task, json, used)
  }
}
