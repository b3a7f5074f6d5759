import { callsMayBeOfBefore, type Invariant } from './invariant.ts'

export const acknowledgedWritesSurvive: Invariant = {
  name: 'acknowledged-writes-survive',
  claim: 'What a person was told is done is there, whatever was killed since.',
  watch: (world, violated) => {
    const check = (): void => {
      const { store } = world
      if (store === undefined) return
      for (const [subject, promise] of world.people.promises) {
        const found = promise.read(store)
        if (!promise.allowed.includes(found)) violated(`${subject}: ${found} instead of ${promise.allowed.join(' or ')}.`)
      }
    }
    return { manorUp: check, look: check }
  },
}

export const intentsAreKept: Invariant = {
  name: 'intents-are-kept',
  claim: 'An engine is asked for a run of a controller only once the row that says so is on the disk.',
  watch: (world, violated) => ({
    started: ({ id, workload: { labels } }) => {
      if (labels.kind !== 'controller' || callsMayBeOfBefore(world)) return
      // One that was deleted meanwhile has no row, and one that went on has a later epoch.
      const row = world.durable.row('controller', labels.noun)
      if (row !== undefined && row.epoch < labels.epoch)
        violated(`${id} is asked for; the row on the disk is ${row.phase} of epoch ${row.epoch}.`)
    },
  }),
}

export const staleEpochsAreRefused: Invariant = {
  name: 'stale-epochs-are-refused',
  claim: 'A run of a controller that is not the current one is not listened to.',
  watch: (world, violated) => ({
    heard: (program, epochBefore) => {
      if (epochBefore !== undefined && program.epoch < epochBefore)
        violated(`Run ${program.run.id} was welcomed while epoch ${epochBefore} was the current one.`)
    },
    change: ({ kind, id }) => {
      if (kind !== 'presence') return
      const presence = world.store?.get('presence', id)
      const controller = world.store?.get('controller', id)
      if (presence !== undefined && controller !== undefined && presence.epoch > controller.epoch)
        violated(`The presence of ${id} is of epoch ${presence.epoch}, its row of ${controller.epoch}.`)
    },
  }),
}

export const noBugs: Invariant = {
  name: 'no-bugs',
  claim: 'The control plane runs without an exception of its own making.',
  watch: (_world, violated) => ({
    manorError: (id, cause) => {
      if (cause instanceof TypeError || cause instanceof RangeError || cause instanceof ReferenceError || cause instanceof SyntaxError)
        violated(`${id}: ${cause.stack ?? cause.message}`)
    },
  }),
}
