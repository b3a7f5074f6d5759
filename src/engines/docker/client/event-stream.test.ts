import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { seededRandom, VirtualClock } from '../../../runtime/index.ts'
import { followEvents } from './event-stream.ts'

const lineOf = (id: string, timeNano: number): string =>
  JSON.stringify({ Type: 'container', Action: 'die', Actor: { ID: id, Attributes: {} }, time: Math.floor(timeNano / 1e9), timeNano })

/** What a follower hears of streams that end one after the other, each with these lines; and what each was asked for. */
const heard = async (...streams: readonly (readonly string[])[]): Promise<{ told: string[]; since: (string | undefined)[] }> => {
  const clock = new VirtualClock()
  const end = new AbortController()
  const since: (string | undefined)[] = []
  const left = [...streams]
  const client = {
    events: async (query: { readonly since?: string }) => {
      const lines = left.shift()
      if (lines === undefined) {
        end.abort()
        throw new Error('That was all.')
      }
      since.push(query.since)
      return Readable.from([Buffer.from(lines.map(line => `${line}\n`).join(''))])
    },
  }
  const told: string[] = []
  const following = (async () => {
    const options = { client, clock, random: seededRandom(1), filters: {}, onBroken: () => undefined }
    for await (const notice of followEvents(options, end.signal)) told.push(notice.kind === 'gap' ? 'gap' : notice.event.Actor.ID)
  })()
  const isOver = following.then(() => true)
  while (!(await Promise.race([isOver, clock.advance(20_000).then(() => false)])));
  return { told, since }
}

test('an event that comes after a later one is told, too: a daemon takes the time before its turn to tell', async () => {
  const { told } = await heard([lineOf('a', 2_000_000_000), lineOf('b', 1_999_999_000), lineOf('c', 2_000_000_001)])
  assert.deepEqual(told, ['a', 'b', 'c'])
})

test('a stream that is taken up again begins at the newest event, and what comes twice is told once', async () => {
  const a = lineOf('a', 3_000_000_007)
  const { told, since } = await heard([a, lineOf('b', 2_999_000_000)], [a, lineOf('c', 3_000_000_007), lineOf('d', 4_000_000_000)])
  assert.deepEqual(told, ['a', 'b', 'gap', 'c', 'd'])
  assert.deepEqual(since, [undefined, '3.000000007'])
})
