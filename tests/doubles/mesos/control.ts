/** Faults by name, as the control port plays them: `POST /double/NAME` with a JSON list of arguments. README.md lists them. */
import type { MesosDouble } from './mesos-double.ts'

/** What plays the fault of that name, or undefined where there is none. */
export const playable = (double: MesosDouble, name: string, args: readonly unknown[]): (() => void) | undefined => {
  const [first, second, third] = args
  const text = String(first)
  const number = Number(first)
  const times = second === undefined ? 1 : Number(second)
  const { faults } = double
  const all: Readonly<Record<string, () => unknown>> = {
    'lose-call': () => faults.loseCall(text, times),
    'lose-answer': () => faults.loseAnswer(text, times),
    'hang-call': () => faults.hangCall(text, times),
    'answer-call': () => faults.answerCall(text, Number(second), String(third)),
    slow: () => faults.slow(number),
    'double-events': () => faults.events.doubled.add(text),
    'lose-events': () => faults.events.lost.add(text),
    'late-events': () => faults.events.late.set(text, Number(second)),
    'reverse-events': () => {
      faults.events.reversed = { type: text, count: Number(second) }
    },
    'cut-events-into': () => {
      faults.events.pieceBytes = number
    },
    quiet: () => double.quieten(),
    'rescind-before-accept': () => faults.leader.rescindBeforeAccept(number),
    'offer-after-suppress': () => faults.leader.offerAfterSuppress(number),
    'lose-launches': () => faults.leader.loseLaunches(number),
    'lose-kills': () => faults.leader.loseKills(number),
    starve: () => {
      faults.leader.starves = true
    },
    'rescind-all': () => double.leader.book.rescindAll(),
    'change-leader': () => double.changeLeader({ agentsAfterMs: Number(first ?? 0), recoveringMs: Number(second ?? 0) }),
    depose: () => double.depose(),
    'cut-streams': () => double.cutStreams(first === 'within-record' ? 'within-record' : 'between'),
    'stale-streams': () => double.staleStreams(),
    'say-error': () => double.sayError(text),
    'silence-agent': () => double.silence(number),
    'wake-agent': () => double.wake(number),
    'restart-agent': () => double.restartAgent(number, Number(second ?? 0)),
    'rebuild-agent': () => double.rebuildAgent(number),
    'add-agent': () => double.addAgent({ hostname: text }),
    'end-task': () => double.endTask(text, Number(second ?? 0)),
    restore: () => faults.restore(),
  }
  return all[name]
}
