import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Observation, workloadId } from '../../model/index.ts'
import { settle } from '../../runtime/index.ts'
import { Hints } from './hints.ts'

const seen = (id: string, exitCode: number): Observation => ({
  id: workloadId(id),
  labels: { owner: 'o', kind: 'agent', noun: id, epoch: 1 },
  state: 'ended',
  ports: {},
  exitCode,
})

test('each who watches is told, a slow one of the newest alone, and nobody after the end', async () => {
  const hints = new Hints()
  const giveUp = new AbortController()
  const told: string[] = []
  const watching = (async () => {
    for await (const { id, exitCode } of hints.follow(giveUp.signal)) told.push(`${id} ${exitCode}`)
  })()
  await settle()
  for (const observation of [seen('a', 1), seen('b', 1), seen('a', 2)]) hints.tell(observation)
  await settle()
  assert.deepEqual(told, ['a 2', 'b 1'])
  giveUp.abort()
  await watching
  hints.tell(seen('c', 1))
  assert.equal(told.length, 2)
})

test('closing ends those who watch, and who comes after', async () => {
  const hints = new Hints()
  const { signal } = new AbortController()
  const first = hints.follow(signal).next()
  await settle()
  hints.close()
  assert.equal((await first).done, true)
  assert.equal((await hints.follow(signal).next()).done, true)
})
