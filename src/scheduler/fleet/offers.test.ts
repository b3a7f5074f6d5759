/**
 * Hosts that are lent piece by piece. Holds Fenzo's OfferRejectionsTest, the offers of its BasicSchedulerTests, ResourceSetsTests and
 * ActiveVmGroupsTests, and SingleOfferModelTests (capacity told once is a whole host here: placement/resources.test.ts).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostId } from '../../model/index.ts'
import { Scheduler, type SchedulerOptions } from '../scheduler.ts'
import { offerOf, place, sizeOf, tally, taskOf, tasksOf, workOf } from '../testing.ts'
import type { Offer } from '../types.ts'

const EXPIRY_MS = 1000
const withOffers = (offers: readonly Offer[], rules: Partial<SchedulerOptions['offers']> = {}, seed = 1): Scheduler => {
  const scheduler = new Scheduler({ offers: { expiryMs: EXPIRY_MS, ...rules }, seed })
  for (const offer of offers) scheduler.offers.add(offer)
  return scheduler
}
/** One offer on each of so many hosts. */
const many = (count: number): Offer[] => Array.from({ length: count }, (_, at) => offerOf(`o${at}`, `h${at}`))
const ids = (offers: readonly Offer[]): string[] => offers.map(({ offer }) => offer).sort()
/** Places, and takes the offers of hosts that were used as an engine would. */
const launch = (scheduler: Scheduler, tasks: Parameters<typeof place>[1]) => {
  for (const task of tasks) scheduler.queue.add(task)
  const { placed } = scheduler.pass({ now: 0 })
  return { placed, used: scheduler.useOffers(placed) }
}

test('offers of one host are summed, ports and scalars with the rest', () => {
  const half = (offer: string, first: number) =>
    offerOf(offer, 'h', { resources: sizeOf(2), ports: [{ first, last: first }], scalars: { gpu: 1 }, networkMbps: 50 })
  const large = taskOf('1', { resources: sizeOf(4), ports: 2, scalars: { gpu: 2 }, networkMbps: 100 })
  assert.deepEqual(place(withOffers([half('a', 1)]), [large]), {})
  assert.deepEqual(place(withOffers([half('a', 1), half('b', 5)]), [large]), { 1: 'h' })
})

test('an offer that was not used stays usable', () => {
  const scheduler = withOffers([offerOf('o', 'h')])
  assert.equal(launch(scheduler, [taskOf('large', { resources: sizeOf(5) })]).used.size, 0)
  assert.deepEqual([...launch(scheduler, tasksOf(4, 't')).used.keys()], ['h'])
})

test('all offers of a host that was used are taken together, and what is left comes back in a new one', () => {
  const scheduler = withOffers([offerOf('a', 'h', { resources: sizeOf(2) }), offerOf('b', 'h', { resources: sizeOf(2) })])
  const { used } = launch(scheduler, [taskOf('1')])
  assert.deepEqual(ids(used.get(hostId('h')) ?? []), ['a', 'b'])
  assert.deepEqual(place(scheduler, [taskOf('2')]), {})
  scheduler.offers.add(offerOf('c', 'h', { resources: sizeOf(3) }))
  assert.deepEqual(tally(place(scheduler, tasksOf(3, 't'))), { h: 3 })
})

test('ports that came back in a new offer are given again, those in use are not', () => {
  const scheduler = withOffers([offerOf('a', 'h', { ports: [{ first: 1, last: 4 }] })])
  assert.deepEqual(launch(scheduler, [taskOf('1', { ports: 2 })]).placed[0]?.ports, [1, 2])
  scheduler.offers.add(offerOf('b', 'h', { resources: sizeOf(3), ports: [{ first: 3, last: 4 }] }))
  assert.deepEqual(
    launch(scheduler, [taskOf('2', { ports: 1 }), taskOf('3', { ports: 2 })]).placed.map(({ ports }) => ports),
    [[3]],
  )
  scheduler.end('1')
  scheduler.offers.add(
    offerOf('c', 'h', {
      resources: sizeOf(3),
      ports: [
        { first: 1, last: 2 },
        { first: 4, last: 4 },
      ],
    }),
  )
  assert.deepEqual(
    launch(scheduler, []).placed.map(({ task, ports }) => [task, ports.length]),
    [['3', 2]],
  )
})

test('the room of work that ended is not used before it is offered again', () => {
  const scheduler = withOffers([offerOf('a', 'h')])
  launch(scheduler, tasksOf(4, 't'))
  scheduler.end('t0')
  assert.deepEqual(place(scheduler, [taskOf('next')]), {})
  scheduler.offers.add(offerOf('b', 'h', { resources: sizeOf(1) }))
  assert.deepEqual(place(scheduler, []), { next: 'h' })
})

test('an offer that is held already is refused by name; one that was used may come again under another', () => {
  const scheduler = withOffers([offerOf('a', 'h')])
  assert.throws(() => scheduler.offers.add(offerOf('a', 'h')), /Offer a is held already/)
})

test('an offer that the engine took back is not used; taking back what is not held does nothing', () => {
  const scheduler = withOffers([offerOf('a', 'h'), offerOf('b', 'h')])
  scheduler.offers.rescind('a')
  scheduler.offers.rescind('never')
  assert.equal(Object.keys(place(scheduler, tasksOf(8, 't'))).length, 4)
})

test('an expired offer is given back and not used, and its host is usable once it is offered again', () => {
  const scheduler = withOffers([offerOf('a', 'h')])
  assert.deepEqual(ids(scheduler.offers.expire(EXPIRY_MS - 1)), [])
  assert.deepEqual(ids(scheduler.offers.expire(EXPIRY_MS)), ['a'])
  assert.equal(scheduler.fleet.size, 0)
  assert.deepEqual(place(scheduler, [taskOf('1')]), {})
  scheduler.offers.add(offerOf('b', 'h', { offeredAt: EXPIRY_MS }))
  assert.deepEqual(place(scheduler, []), { 1: 'h' })
})

test('several hosts expire together, and of one host all offers though one alone is old', () => {
  const scheduler = withOffers([...many(3), offerOf('young', 'h1', { offeredAt: 900 }), offerOf('other', 'x', { offeredAt: 900 })])
  assert.deepEqual(ids(scheduler.offers.expire(EXPIRY_MS)), ['o0', 'o1', 'o2', 'young'])
})

test('what is left of a host with running work expires as well, and the work stays', () => {
  const scheduler = withOffers([offerOf('a', 'h')])
  launch(scheduler, [taskOf('1')])
  scheduler.offers.add(offerOf('b', 'h', { resources: sizeOf(3) }))
  assert.deepEqual(ids(scheduler.offers.expire(EXPIRY_MS)), ['b'])
  assert.ok(scheduler.fleet.resident('1'))
  assert.deepEqual(place(scheduler, [taskOf('2')]), {})
})

test('no more hosts are given back in a period than the rules allow, which ones is chance, and some idle ones are kept', () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 8; seed++) {
    const scheduler = withOffers(many(10), { rejectHostsPerPeriod: 4 }, seed)
    const first = ids(scheduler.offers.expire(EXPIRY_MS))
    assert.equal(first.length, 4)
    assert.equal(scheduler.offers.expire(EXPIRY_MS + 1).length, 0)
    assert.equal(scheduler.offers.expire(2 * EXPIRY_MS).length, 4)
    assert.equal(scheduler.offers.expire(3 * EXPIRY_MS).length, 2)
    seen.add(first.join())
  }
  assert.ok(seen.size > 1)
  assert.equal(withOffers(many(10), { keepIdleHosts: 7 }).offers.expire(EXPIRY_MS).length, 3)
})

test('the same seed gives the same hosts back', () => {
  const given = () => ids(withOffers(many(10), { rejectHostsPerPeriod: 3 }, 5).offers.expire(EXPIRY_MS))
  assert.deepEqual(given(), given())
})

test('all offers of hosts whose group is not in use are given back', () => {
  const scheduler = withOffers([
    offerOf('a', 'h1', { attributes: { group: 'small' } }),
    offerOf('b', 'h1', { attributes: { group: 'small' } }),
    offerOf('c', 'h2', { attributes: { group: 'large' } }),
  ])
  scheduler.fleet.setActive({ attribute: 'group', oneOf: ['large'] })
  assert.deepEqual(ids(scheduler.offers.rejectWhere(host => !scheduler.fleet.takesWork(host))), ['a', 'b'])
})

test('pieces of sets stay bound while their work runs, though all offers of the host expired, and are forgotten with the host', () => {
  const sets = [{ name: 'eni', pieces: 1, unitsPerPiece: 4 }]
  const scheduler = withOffers([offerOf('a', 'h', { sets })])
  const asking = (id: string, value: string) => taskOf(id, { sets: [{ name: 'eni', value, units: 1 }] })
  launch(scheduler, [asking('1', 'web')])
  scheduler.offers.expire(EXPIRY_MS)
  scheduler.offers.add(offerOf('b', 'h', { sets, resources: sizeOf(3) }))
  assert.deepEqual(launch(scheduler, [asking('2', 'db')]).placed, [])
  scheduler.end('1')
  assert.equal(launch(scheduler, []).placed.length, 1)
  scheduler.end('2')
  assert.equal(scheduler.fleet.size, 0)
})

test('work that was found on a host before its first offer does not make the host larger than it is', () => {
  const scheduler = withOffers([])
  scheduler.fleet.adopt(workOf('r', 'h', { resources: sizeOf(3) }))
  scheduler.offers.add(offerOf('a', 'h', { resources: sizeOf(1) }))
  assert.equal(Object.keys(place(scheduler, tasksOf(2, 't'))).length, 1)
})
