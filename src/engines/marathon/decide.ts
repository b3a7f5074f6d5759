import { byAge } from './observe.ts'
import type { Known } from './records.ts'
import { type Deployment, isActive, type MarathonApp, type MarathonTask } from './wire.ts'

/**
 * What to do about one app, from one look. Pure.
 *
 * The rule above all others: a change never goes to an app while a deployment names it. A real Marathon 1.11 refuses such a change with 409,
 * and yet comes out of the deployment with two running tasks of an app with one instance, for good: two writers on one home. A stop is the one
 * exception: it ends with no task at all, whatever happens on the way, and so it may go through with `force`, which cancels the deployment
 * instead of being refused by it.
 */
export type Step =
  | { readonly kind: 'end-task'; readonly surplus: Surplus }
  /** `surplus`: a task of those that go was one too many. */
  | { readonly kind: 'scale-to-zero'; readonly force: boolean; readonly surplus?: Surplus }
  | { readonly kind: 'wait'; readonly deployments: readonly Deployment[] }
  | { readonly kind: 'nothing' }

/** Of several tasks of an app with one instance the one to end, the one that is kept, and how that came to be, for a person. */
export type Surplus = { readonly task: MarathonTask; readonly kept: MarathonTask; readonly cause: string }

/** How long a deployment that somebody else began, and that holds other apps too, may keep us from stopping ours before it is overridden. */
export const LOCK_PATIENCE_MS = 120_000

export type Situation = {
  readonly app: MarathonApp
  readonly known: Known
  /** Whether the workload is over: what still runs for it is surplus. */
  readonly ended: boolean
  /** All deployments that name the app. */
  readonly deployments: readonly Deployment[]
  /** For how long the app has been wanted otherwise while a deployment held it. */
  readonly lockedMs: number
  /** Whether an app is one of ours: a deployment of ours alone may be cancelled at once. */
  readonly isOurs: (appId: string) => boolean
}

const NOTHING: Step = { kind: 'nothing' }

export const decide = (situation: Situation): Step => {
  const { app, known, ended, deployments, lockedMs, isOurs } = situation
  if (app.instances === 0) return NOTHING
  const surplus = surplusOf(app, known)
  if (ended || known.stop !== undefined) {
    const foreign = deployments.filter(({ affectedApps = [] }) => affectedApps.some(id => !isOurs(id)))
    if (foreign.length > 0 && lockedMs < LOCK_PATIENCE_MS) return { kind: 'wait', deployments: foreign }
    return { kind: 'scale-to-zero', force: deployments.length > 0, ...(surplus === undefined ? {} : { surplus }) }
  }
  if (surplus === undefined) return NOTHING
  // The end of a task is no change of the app and takes no lock; still it waits for a deployment that has not come to its end, unless both run.
  const bothRun = surplus.kept.state === 'TASK_RUNNING' && surplus.task.state === 'TASK_RUNNING'
  return deployments.length > 0 && !bothRun ? { kind: 'wait', deployments } : { kind: 'end-task', surplus }
}

/** Kept is the one that holds the home; before any does, the older. One out of reach cannot be ended. */
const surplusOf = (app: MarathonApp, known: Known): Surplus | undefined => {
  const active = (app.tasks ?? []).filter(task => isActive(task) && task.state !== 'TASK_KILLING').toSorted(byAge)
  if (active.length <= app.instances) return undefined
  const kept = active.find(({ id }) => id === known.claim?.task) ?? active[0]
  const task = active.findLast(one => one !== kept && one.state !== 'TASK_UNREACHABLE')
  if (kept === undefined || task === undefined) return undefined
  const why = known.claim?.task === kept.id ? 'holds the home' : 'is older'
  const cause =
    `Marathon ran ${active.length} tasks of ${app.id}, which has ${app.instances} instance: a change that it refused with 409 does that. ` +
    `${task.id} is ended, ${kept.id} ${why}.`
  return { task, kept, cause }
}
