import { capOf, NO_RESOURCES, type Resources } from '../../src/model/index.ts'
import { add, fitsInto } from '../world/machines.ts'
import type { World } from '../world/world.ts'
import { callsMayBeOfBefore, type Invariant } from './invariant.ts'

const words = ({ cpu, memoryMb, diskMb }: Resources): string => `${cpu.toFixed(2)} cores, ${memoryMb} MB memory, ${diskMb} MB disk`

export const quotaHolds: Invariant = {
  name: 'quota-holds',
  claim: "A tenant's agents never use more than its quota.",
  watch: (world, violated) => {
    const used = new Map<string, Resources>()
    const caps = new Map(world.plan.teams.flatMap(({ name, quota }) => (quota ? [[name, capOf(quota)] as const] : [])))
    return {
      started: ({ workload: { tenant, labels }, needs, id }) => {
        if (labels.kind !== 'agent') return
        const now = add(used.get(tenant) ?? NO_RESOURCES, needs)
        used.set(tenant, now)
        const cap = caps.get(tenant)
        if (cap === undefined || fitsInto(NO_RESOURCES, now, cap)) return
        if (callsMayBeOfBefore(world)) return
        // A build whose agent's row a power cut took is nobody's to count.
        let counted = NO_RESOURCES
        for (const other of world.engine.runs.values())
          if (
            !other.gone &&
            other.workload.tenant === tenant &&
            other.workload.labels.kind === 'agent' &&
            hasRow(world, other.workload.labels)
          )
            counted = add(counted, other.needs)
        if (!fitsInto(NO_RESOURCES, counted, cap)) violated(`With ${id} tenant ${tenant} uses ${words(now)} of ${words(cap)}.`)
      },
      gone: ({ workload: { tenant, labels }, needs }) => {
        if (labels.kind === 'agent') used.set(tenant, add(used.get(tenant) ?? NO_RESOURCES, needs, -1))
      },
    }
  },
}

export const hostsHold: Invariant = {
  name: 'hosts-hold',
  claim: 'What Manor places on a host never exceeds what the host has.',
  watch: (world, violated) => ({
    started: run => {
      const { machine } = run
      if (machine === undefined || world.engine.shape === 'own-placement') return
      if (fitsInto(NO_RESOURCES, machine.promised, machine.group.capacity)) return
      let used = NO_RESOURCES
      for (const other of world.engine.runs.values())
        if (other.machine === machine && other.state !== 'ended' && hasRow(world, other.workload.labels)) used = add(used, other.needs)
      if (!fitsInto(NO_RESOURCES, used, machine.group.capacity))
        violated(`With ${run.id} host ${machine.id} has ${words(used)} on ${words(machine.group.capacity)}.`)
    },
  }),
}

/** What was begun by a call that came late has no row, or one that has ended: Manor did not place it there now. */
const hasRow = (world: World, { kind, noun, epoch }: { readonly kind: string; readonly noun: string; readonly epoch: number }): boolean => {
  if (kind === 'controller') return world.store?.get('controller', noun)?.epoch === epoch
  const agent = world.store?.get('agent', noun)
  return agent !== undefined && agent.phase !== 'ended'
}
