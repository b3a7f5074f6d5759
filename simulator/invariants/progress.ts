import { LOGS_KEPT } from '../../src/agents/sweeper.ts'
import { type Agent, addResources, capOf, holdsPlace, isAtRest, isSpare, NO_RESOURCES, shareOfHost } from '../../src/model/index.ts'
import { DRAIN_RULES } from '../../src/scheduler/index.ts'
import type { Item } from '../world/jenkins.ts'
import { fitsInto, type Machine } from '../world/machines.ts'
import type { World } from '../world/world.ts'
import type { Invariant } from './invariant.ts'

const BACK_MS = 60_000
/** Longer than any interval of a loop that could give the place. */
const WAITS_MS = 30_000

export const lostHostsControllersAreBack: Invariant = {
  name: 'lost-hosts-controllers-are-back',
  claim:
    'Within 60 s of knowing that a host is lost its controllers are being started elsewhere, where there is room and nothing else goes wrong.',
  watch: (world, violated) => ({
    hostLost: machine => {
      const lost = (world.store?.list('controller') ?? []).filter(({ host, phase }) => host === machine.id && holdsPlace(phase))
      const { length: faults } = world.faults
      const restarts = world.manorRestarts
      if (lost.length === 0 || world.isDisturbed) return
      world.kernel.clock.after(BACK_MS, () => {
        if (world.faults.length !== faults || world.manorRestarts !== restarts || world.store === undefined) return
        for (const { id, spec } of lost) {
          const row = world.store.get('controller', id)
          if (row?.wanted !== 'running' || world.engine.liveOf.has(id) || row.failures > 1) continue
          if (roomFor(world, 'controllers', shareOfHost(spec))) violated(`Controller ${id} of lost host ${machine.id} is ${row.phase}.`)
        }
      })
    },
  }),
}

const roomFor = (world: World, role: Machine['group']['role'], needs: Machine['promised']): Machine | undefined =>
  world.machines.find(
    ({ state, group, promised }) =>
      state === 'up' && (group.role === 'any' || group.role === role) && fitsInto(needs, promised, group.capacity),
  )

export const workConserving: Invariant = {
  name: 'work-conserving',
  claim:
    'In calm no agent waits 30 s for a place while there is a host and a quota that it fits in, and no host is kept for one that waited long.',
  watch: (world, violated) => {
    const since = new Map<string, number>()
    return {
      manorDown: () => since.clear(),
      look: () => {
        const { store } = world
        if (store === undefined || world.engine.shape === 'own-placement') return
        const live = store.by('agentsByLife', 'live')
        // Nobody waits for a warm spare.
        const queued = live.filter(agent => agent.phase === 'queued' && !isSpare(agent))
        if (queued.length === 0) {
          since.clear()
          return
        }
        const waiting = new Set(queued.map(({ id }) => id as string))
        for (const id of since.keys()) if (!waiting.has(id)) since.delete(id)
        // Room is kept for controllers that wait.
        // Hosts may be kept for one that has waited long, and stand idle meanwhile for all others (scheduler/pass/drain.ts).
        const now = world.kernel.clock.now()
        const isKept = queued.some(({ queuedAt }) => now - queuedAt >= DRAIN_RULES.afterMs)
        if (isKept || world.calmMs < WAITS_MS || store.list('controller').some(({ phase }) => phase === 'pending' || phase === 'failed')) {
          since.clear()
          return
        }
        const used = Map.groupBy(
          live.filter(({ phase }) => phase !== 'queued'),
          ({ tenant }) => tenant,
        )
        for (const agent of queued) {
          const { id, tenant, resources, controller } = agent
          const row = store.get('controller', controller)
          const quota = store.get('tenant', tenant)?.quota
          const own = (used.get(tenant) ?? []).reduce((sum, other) => addResources(sum, other.resources), NO_RESOURCES)
          const machine = roomFor(world, 'builds', resources)
          const may = row?.phase === 'ready' && machine !== undefined && (quota === undefined || fitsInto(resources, own, capOf(quota)))
          if (!may) {
            since.delete(id)
            continue
          }
          const from = since.get(id) ?? world.now
          since.set(id, from)
          if (world.now - from > WAITS_MS) violated(`${id} has waited for ${world.now - from} ms; it fits on ${machine.id}.`)
        }
      },
    }
  },
}

/** Why the world is not at rest; undefined where it is. */
export const unrest = (world: World, waiting: ReadonlySet<Item>): string | undefined => {
  const { store } = world
  if (store === undefined) return 'Manor does not run.'
  for (const { id, wanted, phase, reason } of store.list('controller')) {
    if (wanted === 'running' && (phase !== 'ready' || world.programOf(id)?.answers !== true))
      return `Controller ${id} is ${phase} (${reason?.message ?? 'no reason'}), wanted running.`
    if (wanted === 'stopped' && !isAtRest(phase)) return `Controller ${id} is ${phase}, wanted stopped.`
    if (wanted === 'deleted') return `Controller ${id} is ${phase}, wanted deleted.`
  }
  const [item] = waiting
  if (item) return `${waiting.size} items wait. ${whyItWaits(world, item)}`
  // Warm spares are what rest looks like where they are wanted, and where there is no room for them, they wait.
  const isResting = (agent: Agent): boolean => isSpare(agent) && (agent.phase === 'online' || agent.phase === 'queued')
  const spares = new Set<string>(
    store
      .by('agentsByLife', 'live')
      .filter(isResting)
      .map(({ id }) => id),
  )
  const agent = store.by('agentsByLife', 'live').find(({ id }) => !spares.has(id))
  if (agent) return `Agent ${agent.id} is ${agent.phase} (${agent.reason?.message ?? 'no reason'}).`
  for (const live of world.engine.liveOf.values())
    for (const { id, workload } of live) {
      if (spares.has(workload.labels.noun)) continue
      if (workload.labels.kind === 'agent') return `Workload ${id} runs.`
      if (store.get('controller', workload.labels.noun)?.workload !== id) return `Workload ${id} runs and is not the current run.`
    }
  const directory = [...world.directories].find(name => !spares.has(name))
  if (directory !== undefined) return `The directory of agent ${directory} is there.`
  for (const { nodes, controller } of world.homes.values())
    if ([...nodes.keys()].some(name => !spares.has(name)) && world.programOf(controller))
      return `Controller ${controller} has ${nodes.size} nodes.`
  return undefined
}

const whyItWaits = (world: World, item: Item): string => {
  for (const { controller, queue } of world.homes.values())
    if (queue.includes(item)) {
      const told = world.store?.get('demand', controller)?.items.find(({ id }) => id === item.id)
      return `Item ${item.id} (${item.label}) of ${controller}: ${told === undefined ? 'Manor does not know of it' : (told.reason?.message ?? 'no reason')}.`
    }
  return `Item ${item.id} (${item.label}) is in no queue.`
}

export const comesToRest: Invariant = {
  name: 'comes-to-rest',
  claim: 'Once nothing goes wrong any more, every wanted controller gets ready, every item is built, and nothing is left over.',
  watch: (world, violated, statistics) => ({
    atEnd: () => {
      const found = unrest(world, statistics.waiting)
      if (found !== undefined) violated(found)
    },
  }),
}

/** Ended workloads of a controller that may be kept: the last run's, for its log, and one that was given up. */
const TRACES_KEPT = 3
/** Ended agents' workloads that are kept beside those whose logs are: one sweep's worth, and what an engine tells late. */
const AGENT_TRACES_SLACK = 25
/** What has ended within this may be about to be removed. */
const REMOVED_WITHIN_MS = 120_000
const ROWS_KEPT = 2_500

export const nothingLeaks: Invariant = {
  name: 'nothing-leaks',
  claim: 'What is over is forgotten: rows, traces of workloads, settings stay within their bounds.',
  watch: (world, violated) => {
    let looks = 0
    return {
      look: () => {
        const { store } = world
        if (store === undefined || world.calmMs < BACK_MS || ++looks % LEAK_LOOKS !== 0) return
        const traces = new Map<string, number>()
        let agents = 0
        for (const { state, workload, next } of world.engine.runs.values()) {
          if (state !== 'ended' || world.now - (next.endedAt ?? world.now) < REMOVED_WITHIN_MS) continue
          if (workload.labels.kind === 'agent') agents++
          else traces.set(workload.labels.noun, (traces.get(workload.labels.noun) ?? 0) + 1)
        }
        for (const [id, count] of traces) if (count > TRACES_KEPT) violated(`${count} ended runs of controller ${id} are kept.`)
        if (agents > LOGS_KEPT + AGENT_TRACES_SLACK) violated(`${agents} ended workloads of agents are kept.`)
        const ended = store.by('agentsByLife', 'ended').length
        if (ended > ROWS_KEPT) violated(`${ended} rows of ended agents are kept.`)
      },
    }
  },
}
/** Looks between two counts of everything: each is linear in all that is kept. */
const LEAK_LOOKS = 12
