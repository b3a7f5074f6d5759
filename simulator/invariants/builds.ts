import { HOOK_SILENCE_MS } from '../../src/controllers/decide.ts'
import type { Run } from '../world/engine.ts'
import type { World } from '../world/world.ts'
import type { Invariant } from './invariant.ts'

/** A grace counts from where its row was written, which is told of once it is on the disk: a slow one takes this long (fault disk-slow). */
const SLOWEST_COMMIT_MS = 5_000
/** What is measured by Manor's clock and by the world's differs by what a commit and a message take. */
const SLACK_MS = 2_000

/** A Manor that begins knows how long ago something was by the wall clock alone, which may have been set since: `aheadMs`. */
type Quiet = { readonly since: number; readonly clockOffsetMs: number; aheadMs: number }

export const noBuildLostByUs: Invariant = {
  name: 'no-build-lost-by-us',
  claim: 'Manor stops nothing under a running build, but a controller whose grace is over, whose hook is silent or that is to go.',
  watch: (world, violated) => {
    const quiet = new Map<string, Quiet>()
    const heardAt = new Map<string, number>()
    const decided = new Map<string, Decided>()
    const decidedNow = (controller: string): Decided => {
      const { since, aheadMs } = quiet.get(controller) ?? { since: world.now, aheadMs: 0 }
      return { quietForMs: world.now - since + Math.max(0, aheadMs), silentForMs: world.now - (heardAt.get(controller) ?? 0) }
    }
    return {
      manorBegins: () => {
        for (const one of quiet.values()) one.aheadMs = world.manorClockOffsetMs - one.clockOffsetMs
      },
      event: ({ kind, type, subject, data }) => {
        if (kind !== 'controller' || type !== 'phase-changed') return
        if (data.phase === 'quieting') quiet.set(subject, { since: world.now, clockOffsetMs: world.manorClockOffsetMs, aheadMs: 0 })
        if (data.phase === 'stopping') decided.set(subject, decidedNow(subject))
      },
      change: ({ kind, id, row }) => {
        if (kind === 'presence' && row !== undefined) heardAt.set(id, world.now)
      },
      stopAsked: run => {
        const { kind, noun } = run.workload.labels
        const found = kind === 'agent' ? agentLost(world, run) : controllerLost(world, run, decided.get(noun) ?? decidedNow(noun))
        if (found) violated(found)
      },
    }
  },
}

const agentLost = (world: World, run: Run): string | undefined => {
  const { noun } = run.workload.labels
  if (world.agents.get(noun)?.isBuilding !== true) return undefined
  const row = world.store?.get('agent', noun)
  const controller = row && world.store?.get('controller', row.controller)
  if (row !== undefined && controller?.wanted !== 'running') return undefined
  return `Agent ${noun} (${row?.phase ?? 'without a row'}) was stopped while it ran a build.`
}

/** What was so when the end of a controller was decided: its engine may carry it out late. */
type Decided = { readonly quietForMs: number; readonly silentForMs: number }

const controllerLost = (world: World, run: Run, { quietForMs, silentForMs }: Decided): string | undefined => {
  const { noun, epoch } = run.workload.labels
  const program = world.programOf(run.workload.labels.noun as never)
  const running = program?.run === run ? program.jenkins.running : 0
  if (running === 0) return undefined
  const row = world.store?.get('controller', noun)
  // A run that is not the current one has no right to its home.
  if (row === undefined || row.epoch !== epoch) return undefined
  if (quietForMs >= row.spec.graceMs - SLOWEST_COMMIT_MS || silentForMs >= HOOK_SILENCE_MS - SLACK_MS) return undefined
  if (row.reason?.code === 'not-secured' || row.phase === 'failed') return undefined
  return `Controller ${noun} (${row.phase}) was stopped under ${running} builds: its end was decided ${quietForMs} ms after it was quieted, its hook heard ${silentForMs} ms before.`
}
