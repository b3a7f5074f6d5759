import type { Batch } from '../../src/store/index.ts'
import type { Mutation } from './mutation.ts'

/** From the answer to the write. */
const LATE_MS = 4_000

export const ackBeforePersist: Mutation = {
  name: 'ack-before-persist',
  sentence: 'A commit is answered before it is on the disk; a Manor that dies within four seconds loses it.',
  apply: world => {
    const { disk, durable, kernel } = world
    const waiting: Batch[] = []
    const load = disk.load.bind(disk)
    disk.load = () => {
      // The dead process held them in memory.
      waiting.length = 0
      return load()
    }
    let seq = 1_000_000
    disk.commit = async (batch, isForced) => {
      waiting.push(batch)
      kernel.clock.after(LATE_MS, () => {
        if (waiting[0] !== batch) return
        waiting.shift()
        void durable.commit(batch, isForced)
      })
      return batch.events.map(event => ({ ...event, data: event.data ?? {}, seq: seq++, at: batch.at }))
    }
  },
}

export const intentNotKept: Mutation = {
  name: 'intent-not-kept',
  sentence: 'The row that says that a controller is about to be started is not written to the disk before its engine is asked.',
  apply: world => {
    const { disk, durable } = world
    disk.commit = (batch, isForced) => {
      const kept = batch.rows.map(staged => {
        const isIntent =
          staged.kind === 'controller' && staged.row !== undefined && 'phase' in staged.row && staged.row.phase === 'preparing'
        const before = isIntent ? durable.row('controller', staged.id) : undefined
        return before === undefined ? staged : { ...staged, row: before }
      })
      return durable.commit({ ...batch, rows: kept.filter(({ kind, id }) => kind !== 'setting' || id !== 'epoch') }, isForced)
    }
  },
}

export const quotaForgotten: Mutation = {
  name: 'quota-forgotten',
  sentence: 'Placement does not see what a tenant may use at most.',
  apply: world => {
    world.alterStore = store => {
      const list = store.list.bind(store)
      store.list = kind => {
        const rows = list(kind)
        return kind === 'tenant' ? rows.map(row => ({ ...row, quota: {} })) : rows
      }
    }
  },
}

export const oneTeamStarves: Mutation = {
  name: 'one-team-starves',
  sentence: "Placement overlooks a team's agents that wait.",
  apply: world => {
    world.alterStore = store => {
      const get = store.get.bind(store)
      store.get = (kind, id) => {
        const row = get(kind, id)
        const isHidden =
          kind === 'agent' && row !== undefined && 'tenant' in row && row.tenant === 'blue' && 'phase' in row && row.phase === 'queued'
        return isHidden ? undefined : row
      }
    }
  },
}
