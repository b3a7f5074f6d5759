import type { Random } from '../../src/runtime/index.ts'
import { between, happens, pick } from '../kernel/chance.ts'
import type { CallEffect, CallTrouble } from '../world/call-trouble.ts'
import type { Fault } from './fault.ts'

const ENGINE_CALLS = ['submit', 'stop', 'remove', 'list', 'hosts'] as const
const HOOK_CALLS = ['hello', 'report', 'wanted', 'events'] as const

/** A while in which some calls of one kind, or of all, go wrong in one way. */
const callFault = (
  of: CallTrouble['of'],
  name: string,
  sentence: string,
  rates: Fault['rates'],
  effectOf: (random: Random) => CallEffect,
  calls: readonly string[] = of === 'engine' ? ENGINE_CALLS : HOOK_CALLS,
): Fault => ({
  name,
  sentence,
  rates,
  begin: (world, random) => {
    const ms = between(random, 1_000, happens(random, 0.2) ? 300_000 : 45_000)
    const call = happens(random, 0.5) || calls.length < HOOK_CALLS.length ? pick(random, calls) : undefined
    const chance = happens(random, 0.2) ? 1 : 0.1 + 0.7 * random.next()
    const effect = effectOf(random)
    const trouble: CallTrouble = { of, chance, random, effect, ...(call === undefined ? {} : { call }) }
    world.during(ms, world.troubles.begin(trouble))
    return `${call ?? 'any call'} with chance ${chance.toFixed(2)} for ${ms} ms`
  },
})

const RATES = { mild: 0.1, hard: 0.5 } as const

export const CALL_FAULTS: readonly Fault[] = [
  callFault('engine', 'engine-slow', 'Calls of the engine take seconds.', RATES, random => ({
    kind: 'slow',
    ms: between(random, 500, 25_000),
  })),
  callFault('engine', 'engine-calls-lost', 'Calls of the engine never arrive.', RATES, () => ({ kind: 'lost' })),
  callFault('engine', 'engine-answers-lost', 'Calls of the engine are carried out and their answers are lost.', RATES, () => ({
    kind: 'answer-lost',
  })),
  callFault('engine', 'engine-calls-doubled', 'Calls of the engine are carried out again a while later.', RATES, random => ({
    kind: 'doubled',
    afterMs: between(random, 0, 30_000),
  })),
  callFault(
    'engine',
    'engine-calls-late',
    'Calls of the engine that were given up are carried out later.',
    RATES,
    random => ({ kind: 'late', ms: between(random, 1_000, 240_000) }),
    ['submit', 'stop', 'remove'],
  ),
  callFault(
    'engine',
    'engine-quota',
    'The engine refuses to start anything: its quota is used up.',
    { mild: 0.05, hard: 0.2 },
    () => ({ kind: 'refused', code: 'quota', message: 'The quota is used up.' }),
    ['submit'],
  ),
  callFault('engine', 'engine-throttles', 'The engine refuses calls: there were too many.', RATES, () => ({
    kind: 'refused',
    code: 'quota',
    message: 'Too many requests.',
  })),
  callFault('hook', 'hook-slow', 'Calls of hooks take seconds.', RATES, random => ({ kind: 'slow', ms: between(random, 500, 10_000) })),
  callFault('hook', 'hook-calls-lost', 'Calls of hooks never arrive.', RATES, () => ({ kind: 'lost' })),
  callFault('hook', 'hook-answers-lost', 'Calls of hooks are heard and their answers are lost.', RATES, () => ({ kind: 'answer-lost' })),
  callFault('hook', 'hook-calls-doubled', 'Calls of hooks are heard again a while later.', RATES, random => ({
    kind: 'doubled',
    afterMs: between(random, 0, 20_000),
  })),
]
