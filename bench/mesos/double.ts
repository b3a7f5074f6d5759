/**
 * The double of a Mesos in a process of its own, for the bench: `node double.ts DIRECTORY AGENTS TASKS_EACH`. Its agents only pretend. Its parent
 * tells it how many tasks to end a second.
 */
import { seededRandom, systemClock } from '../../src/runtime/index.ts'
import { startMesosDouble } from '../../tests/doubles/mesos/mesos-double.ts'

/** What each agent has room for besides: ends and new starts overlap. */
const SLACK = 1.3
const TICK_MS = 40
const random = seededRandom(1)

const [, , directory = '', agents = '1', tasksEach = '1'] = process.argv
const room = Math.ceil(Number(tasksEach) * SLACK) + 2
const double = await startMesosDouble({
  clock: systemClock,
  directory,
  pretends: true,
  stageMs: 20,
  agents: Array.from({ length: Number(agents) }, (_, index) => ({
    hostname: `host-${index}`,
    cpus: room,
    mem: room * 512,
    disk: 1_000_000,
  })),
})

let perSecond = 0
let owed = 0
let lastAt = systemClock.monotonic()
const endSome = (): void => {
  const now = systemClock.monotonic()
  owed += (perSecond * (now - lastAt)) / 1_000
  lastAt = now
  for (; owed >= 1; owed--) endOne()
}
/** One task of some agent: of the first that runs any, from a random one on. */
const endOne = (): void => {
  const from = Math.floor(random.next() * double.agents.length)
  for (let at = 0; at < double.agents.length; at++) {
    const agent = double.agents[(from + at) % double.agents.length]
    for (const { state, task } of agent?.tasks.values() ?? [])
      if (state === 'TASK_RUNNING') {
        agent?.end(task.task_id.value, { state: 'TASK_FINISHED', message: 'Command exited with status 0' })
        return
      }
  }
}
setInterval(endSome, TICK_MS)

process.on('message', (message: { readonly endsPerSecond: number }) => {
  perSecond = message.endsPerSecond
})
process.on('disconnect', () => process.exit(0))
process.send?.({ url: double.urls[0] })
