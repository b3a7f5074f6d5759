import type { HookService } from '../../src/agents/index.ts'
import { draw } from '../kernel/chance.ts'
import type { ControllerProgram } from './controller-program.ts'
import type { World } from './world.ts'

/** Of a call of a hook, each way. */
const LATENCY = { median: 4, p95: 15 } as const
/** The hook's own bound on an answer; a long poll has its wait on top. */
const ANSWER_TIMEOUT_MS = 15_000
const HUNG_POLL_MS = 1_000

/** Manor's door as a hook sees it through the network: calls are lost on either way, and refused while no Manor is there. */
export const hookDoor = (world: World, program: ControllerProgram): HookService => {
  const random = world.chance('hook-calls', program.run.id)
  const { clock } = program
  const isCut = (): boolean => program.run.machine === undefined || !world.network.reaches(program.run.machine.id, 'manor')

  const lost = async (timeoutMs: number): Promise<never> => {
    await clock.sleep(timeoutMs)
    throw new Error('Manor did not answer.')
  }

  const call = async <T>(name: string, timeoutMs: number, ask: (hook: HookService) => Promise<T>): Promise<T> => {
    while (program.isHung) await clock.sleep(HUNG_POLL_MS)
    const trouble = world.hookTrouble(name)
    await clock.sleep(draw(random, LATENCY) + (trouble?.kind === 'slow' ? trouble.ms / 2 : 0))
    if (isCut() || trouble?.kind === 'lost' || trouble?.kind === 'late') return lost(timeoutMs)
    const { manor } = world
    if (manor === undefined) throw new Error('Connection refused.')
    const answer = await manor.gate.connection(() => ask(manor.hook))
    if (trouble?.kind === 'doubled')
      world.kernel.clock.after(trouble.afterMs, () => {
        // Heard again by whichever Manor is there then; whatever it answers goes nowhere.
        void world.manor?.gate.connection(() => ask(manor.hook)).catch(() => undefined)
      })
    await clock.sleep(draw(random, LATENCY) + (trouble?.kind === 'slow' ? trouble.ms / 2 : 0))
    if (isCut() || trouble?.kind === 'answer-lost') return lost(timeoutMs)
    return answer
  }

  return {
    hello: (...args) =>
      call('hello', ANSWER_TIMEOUT_MS, async hook => {
        const epochBefore = world.store?.get('controller', program.id)?.epoch
        const welcome = await hook.hello(...args)
        world.heard(program, epochBefore)
        return welcome
      }),
    report: (...args) => call('report', ANSWER_TIMEOUT_MS, hook => hook.report(...args)),
    wanted: (id, session, revision, waitSeconds, signal) =>
      call('wanted', ANSWER_TIMEOUT_MS + waitSeconds * 1_000, hook => hook.wanted(id, session, revision, waitSeconds, signal)),
    events: (...args) => call('events', ANSWER_TIMEOUT_MS, hook => hook.events(...args)),
  }
}
