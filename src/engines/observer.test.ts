import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Observation, type WorkloadId, workloadId } from '../model/index.ts'
import { settle, VirtualClock } from '../runtime/index.ts'
import type { Engine } from './engine.ts'
import { Observer } from './observer.ts'

const observation = (id: string, state: Observation['state'] = 'running'): Observation => ({
  id: workloadId(id),
  labels: { owner: 'test', kind: 'agent', noun: id, epoch: 1 },
  state,
  ports: {},
})

const LIST_MS = 5

/** An engine of which only lists are asked; each takes 5 ms and tells what was so at its begin. */
const world = (shown: readonly Observation[] = []) => {
  const clock = new VirtualClock()
  const changes: string[] = []
  const begun: number[] = []
  const far = { shown }
  const nowhere = (): never => assert.fail('Only lists are asked.')
  const engine: Engine = {
    name: 'lists',
    placement: 'manor',
    volumes: 'service',
    submit: nowhere,
    stop: nowhere,
    remove: nowhere,
    explain: nowhere,
    logs: nowhere,
    watch: nowhere,
    hosts: async () => [],
    list: async () => {
      begun.push(clock.monotonic())
      const { shown: atBegin } = far
      await clock.sleep(LIST_MS)
      return [...atBegin]
    },
  }
  const observer = new Observer({
    engine,
    clock,
    intervalMs: 2_000,
    onChange: ({ id, state }) => changes.push(`${id} ${observer.get(id) === undefined ? 'gone' : state}`),
    onHosts: () => undefined,
    onError: cause => assert.fail(String(cause)),
  })
  const look = async (): Promise<void> => {
    const looked = observer.current()
    await clock.advance(3_000)
    await looked
  }
  return { clock, changes, begun, far, observer, look }
}

const seen = ({ observer }: ReturnType<typeof world>): string[] => Array.from(observer.all(), ({ id, state }) => `${id} ${state}`).sort()

test('what came, changed or went is told once, and what is the same is not', async () => {
  const w = world([observation('a'), observation('b')])
  await w.look()
  assert.deepEqual(w.changes.splice(0), ['a running', 'b running'])
  await w.look()
  assert.deepEqual(w.changes, [])
  w.far.shown = [observation('b', 'ended'), observation('c')]
  await w.look()
  assert.deepEqual(w.changes, ['b ended', 'c running', 'a gone'])
  assert.deepEqual(seen(w), ['b ended', 'c running'])
})

test('after any lists it has what the last one had, whatever stood in it twice or was the same object as before', async () => {
  const states = fc.constantFrom<Observation['state']>('running', 'ended')
  const step = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), states, fc.boolean()), { maxLength: 7 })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async steps => {
      const w = world()
      const known = new Map<string, Observation>()
      for (const list of steps) {
        w.far.shown = list.map(([id, state, isNew]) => {
          const one = (isNew ? undefined : known.get(`${id} ${state}`)) ?? observation(id, state)
          known.set(`${id} ${state}`, one)
          return one
        })
        const before = seen(w)
        await w.look()
        assert.deepEqual(seen(w), Array.from(new Map(list.map(([id, state]) => [id, state])), ([id, state]) => `${id} ${state}`).sort())
        const told = w.changes.splice(0)
        for (const [id] of list) if (!before.some(one => one.startsWith(id))) assert.ok(told.some(one => one.startsWith(id)))
        for (const one of before)
          if (!list.some(([id]) => one.startsWith(id))) assert.ok(told.includes(`${one.split(' ')[0]} gone`), `${one} went unsaid`)
      }
    }),
    { numRuns: 300 },
  )
})

test('what is asked while a list runs is answered by the next one, and all who ask share it', async () => {
  const w = world([observation('a')])
  const first = w.observer.current()
  await w.clock.advance(1)
  w.far.shown = []
  const asked = [w.observer.current(), w.observer.current()]
  await w.clock.advance(LIST_MS)
  await first
  assert.notEqual(w.observer.get('a' as WorkloadId), undefined)
  await w.clock.advance(100)
  await Promise.all(asked)
  assert.equal(w.observer.get('a' as WorkloadId), undefined)
  assert.equal(w.begun.length, 2)
})

for (const { workloads, leastMs } of [
  { workloads: 0, leastMs: 10 },
  { workloads: 1_000, leastMs: 100 },
  { workloads: 10_000, leastMs: 1_000 },
  { workloads: 50_000, leastMs: 2_000 },
])
  test(`lists of ${workloads} workloads are at least ${leastMs} ms apart, and no more than that and a little`, async () => {
    const w = world(Array.from({ length: workloads }, (_, i) => observation(`w-${i}`)))
    await w.look()
    w.begun.length = 0
    const stop = w.clock.monotonic() + 10_000
    while (w.clock.monotonic() < stop) {
      void w.observer.current()
      await settle()
      w.clock.step()
    }
    const gaps = w.begun.slice(1).map((at, i) => at - (w.begun[i] ?? 0))
    assert.ok(gaps.length >= 4)
    for (const gap of gaps) assert.ok(gap >= leastMs && gap <= leastMs + 20, `${gap} ms`)
  })
