/** From processes that really took memory, by what the engine measured of them, to the size that is advised. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DEFAULT_TEMPLATE, UsageBook } from '../../src/agents/index.ts'
import { anAgent } from '../../src/api/testing.ts'
import { Observer } from '../../src/engines/index.ts'
import { adviceFor, type MemoryAdvice, type Observation, type Template, templateId, usageId } from '../../src/model/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { openSqliteStore, type Store } from '../../src/store/index.ts'
import { fullCapabilities, processHarness } from '../support/process-engine.ts'
import { shellWorkload } from '../support/shell-workload.ts'
import { waitFor } from '../support/wait.ts'

const never = new AbortController().signal
const LIMIT_MB = 256
/** About so much. The last command is the shell's own: before one that is not, some shells let go of all they hold. */
const holds = (megabytes: number): string => `x=$(head -c ${megabytes}000000 /dev/zero | tr "\\0" a); sleep 0.3; :`
const CHILD_KILLED = 'tail /dev/zero; echo survived'
const HEAP_FULL = 'echo "Terminating due to java.lang.OutOfMemoryError: Java heap space"; exit 3'

const limits = fullCapabilities().memoryLimit
const skip = limits === true ? false : limits.absent

let harness: Awaited<ReturnType<typeof processHarness>>
let store: Store
let observer: Observer
let book: UsageBook
let count = 0
const ended = new Map<string, Observation>()

before(async () => {
  harness = await processHarness({})
  store = await openSqliteStore(':memory:', systemClock)
  book = new UsageBook({ store, clock: systemClock, observer: { get: () => undefined }, onError: cause => assert.fail(String(cause)) })
  observer = new Observer({
    engine: harness.engine,
    clock: systemClock,
    intervalMs: 100,
    onChange: observation => {
      book.observed(observation)
      if (observation.state === 'ended') ended.set(observation.labels.noun, observation)
    },
    onHosts: () => undefined,
    onError: cause => assert.fail(String(cause)),
  })
  book.start()
  observer.start()
})
after(async () => {
  await observer.stop()
  await book.stop()
  await store.close()
  await harness.dispose()
})

/** Agents of a template of its own that each run a script, to their ends; then what is advised for it. */
const adviceAfter = async (name: string, scripts: readonly string[]): Promise<MemoryAdvice> => {
  const template: Template = { ...DEFAULT_TEMPLATE, id: templateId(name), resources: { cpu: 1, memoryMb: LIMIT_MB, diskMb: 0 } }
  const agents = scripts.map(script => ({
    script,
    agent: anAgent(`${name}-${++count}`, 'ci', { template: template.id, resources: template.resources, busyAt: 1 }),
  }))
  await store.transact(tx => {
    tx.put('template', template)
    tx.event({ kind: 'template', subject: name, type: 'created', actor: 'test', message: '' })
    for (const { agent } of agents) {
      tx.put('agent', agent)
      tx.event({ kind: 'agent', subject: agent.id, type: 'created', actor: 'test', message: '' })
    }
  })
  for (const { script, agent } of agents) {
    const labels = { owner: harness.owner, kind: 'agent' as const, noun: agent.id, epoch: 1 }
    const workload = shellWorkload(`agent.${agent.id}`, harness.owner, script, { labels, resources: template.resources })
    await harness.engine.submit(workload, harness.host, never)
  }
  const usage = await waitFor(
    () => {
      const found = store.get('usage', usageId('template', name))
      return found !== undefined && found.runs.length === scripts.length ? found : undefined
    },
    { what: `all runs of ${name} are written down`, seen: () => [...ended.values()], withinMs: 30_000 },
  )
  return adviceFor({ of: 'template', memoryMb: LIMIT_MB, runs: usage.runs })
}

test('what builds took is measured, and less is advised where they took less', { skip }, async () => {
  const advice = await adviceAfter('modest', [20, 20, 30, 40, 20].map(holds))
  assert.equal(advice.kind, 'less', JSON.stringify(advice))
  assert.ok((advice.highestMb ?? 0) >= 35 && (advice.highestMb ?? 0) < 160, JSON.stringify(advice))
  assert.ok((advice.memoryMb ?? 0) >= (advice.highestMb ?? 0) && (advice.memoryMb ?? 0) < LIMIT_MB)
})

test('builds of which a process was killed at the limit are advised more, though their agents ended well', { skip }, async () => {
  const advice = await adviceAfter('greedy', [holds(20), CHILD_KILLED])
  assert.deepEqual([advice.kind, advice.memoryMb], ['more', 384], JSON.stringify(advice))
  assert.match(advice.message, /^1 of its last 2 agents ran out of memory at the limit of 256 MB: give it 384 MB\.$/)
})

test("Java's full heap is told from the limit", { skip }, async () => {
  const advice = await adviceAfter('java', [HEAP_FULL])
  assert.deepEqual([advice.kind, advice.memoryMb], ['heap', 384], JSON.stringify(advice))
  assert.equal([...ended.values()].at(-1)?.reason?.code, 'oom-heap')
})
