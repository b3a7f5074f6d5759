import { AgentProgram } from '../world/agent-program.ts'
import type { Run } from '../world/engine.ts'
import type { World } from '../world/world.ts'
import type { Invariant } from './invariant.ts'

const ORPHAN_MS = 60_000
/** Looks between two at every workload: each is linear in all that runs, and an orphan is one for a minute. */
const ORPHAN_LOOKS = 4

export const noOrphans: Invariant = {
  name: 'no-orphans',
  claim: 'No workload runs for more than 60 s of calm without a row that it runs for.',
  watch: (world, violated) => {
    const since = new Map<Run, number>()
    let looks = 0
    return {
      gone: run => void since.delete(run),
      manorDown: () => since.clear(),
      look: () => {
        if (world.store === undefined || ++looks % ORPHAN_LOOKS !== 0) return
        for (const live of world.engine.liveOf.values())
          for (const run of live) {
            if (isOwned(world, run)) {
              if (since.size > 0) since.delete(run)
              continue
            }
            const from = since.get(run) ?? world.now
            since.set(run, from)
            if (Math.min(world.now - from, world.calmMs) > ORPHAN_MS)
              violated(`${run.id} has run for ${world.now - from} ms without a row.`)
          }
      },
    }
  },
}

const isOwned = (world: World, { id, process, workload: { labels } }: Run): boolean => {
  if (labels.kind === 'controller') return world.store?.get('controller', labels.noun)?.workload === id
  // A power cut takes rows; a build whose agent has none goes on to its end.
  if (process instanceof AgentProgram && process.isBuilding) return true
  const agent = world.store?.get('agent', labels.noun)
  return agent !== undefined && agent.phase !== 'ended'
}

/** A list may have been slow, and a call that was given up may have been carried out meanwhile. */
const SEEN_BY_NOW_MS = 30_000

export const endsAreTrue: Invariant = {
  name: 'ends-are-true',
  claim: "An agent's row says that it has ended only once nothing of it runs.",
  watch: (world, violated) => ({
    event: ({ kind, type, subject, data }) => {
      if (kind !== 'agent' || type !== 'phase-changed' || data.phase !== 'ended') return
      // What a power cut took may be that it was started at all.
      for (const { id, process, next } of world.engine.liveOf.get(subject) ?? [])
        if (
          process !== undefined &&
          world.now - (next.startedAt ?? world.now) > SEEN_BY_NOW_MS &&
          world.powerLostAt < (next.startedAt ?? 0)
        )
          violated(`${id} runs since ${next.startedAt}.`)
    },
  }),
}
