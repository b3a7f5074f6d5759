import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../runtime/index.ts'
import { Watchdog } from './watchdog.ts'

const watching = () => {
  const clock = new VirtualClock()
  const silences: number[] = []
  return { clock, silences, watchdog: new Watchdog(clock, silentMs => silences.push(silentMs)) }
}

test('silence is five heartbeats: of Mesos’ default until the leader has said how often they come', async () => {
  const { clock, silences, watchdog } = watching()
  await clock.advance(74_999)
  watchdog.alive()
  await clock.advance(74_999)
  assert.deepEqual(silences, [])
  watchdog.alive()
  watchdog.expect(1_000)
  await clock.advance(5_000)
  assert.deepEqual(silences, [5_000])
})

test('while it is stopped nothing is silent, and the time begins anew when it resumes', async () => {
  const { clock, silences, watchdog } = watching()
  watchdog.expect(1_000)
  watchdog.stop()
  await clock.advance(60_000)
  watchdog.resume()
  await clock.advance(4_999)
  assert.deepEqual(silences, [])
  await clock.advance(1)
  assert.deepEqual(silences, [5_000])
  watchdog.stop()
  assert.equal(clock.nextAt, undefined)
})
