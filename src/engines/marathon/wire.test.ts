import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { recordedEvents, recordedMarathon } from '../../../tests/support/recorded-marathon.ts'
import { EventParser, type ServerEvent } from './events.ts'
import { queueReason, refusalSentence, statusIn } from './reason.ts'
import { isActive, parseApp, parseApps, parseDeployments, parseInfo, parseLeader, parseQueue, parseRefusal } from './wire.ts'

const bodyOf = (name: string): unknown => recordedMarathon(name).json

test('what a real Marathon answers is read as it is', () => {
  const app = parseApp(bodyOf('app-get'))
  assert.equal(app.id, '/manor/team-a/c-17')
  assert.deepEqual(
    app.tasks?.map(({ state, ports, host }) => ({ state, ports, host })),
    [{ state: 'TASK_RUNNING', ports: [31_992, 31_993], host: 'localhost' }],
  )
  assert.equal(parseApps(bodyOf('apps-by-label')).length, 1)
  assert.deepEqual(parseDeployments(bodyOf('deployments'))[0]?.affectedApps, ['/manor/team-a/c-17'])
  assert.equal(parseLeader(bodyOf('leader')), '127.0.0.1:18080')
  const info = parseInfo(bodyOf('info'))
  assert.equal(info.frameworkId, '66bade35-0e12-412c-9bbb-b905adbb80ee-0000')
  assert.equal(info.marathon_config?.mesos_leader_ui_url, 'http://localhost:15050/')
  const two = parseApp(bodyOf('two-tasks-3-after'))
  assert.equal((two.tasks ?? []).filter(isActive).length, 2)
  assert.equal(two.instances, 1)
})

const failures: readonly (readonly [name: string, status: number])[] = [
  ['app-failing', 7],
  ['app-oom', 137],
]
for (const [name, status] of failures)
  test(`the exit status is read from the last failure of ${name}`, () => {
    assert.equal(statusIn(parseApp(bodyOf(name)).lastTaskFailure?.message ?? ''), status)
  })

const messages: readonly (readonly [message: string, status: number | undefined])[] = [
  ['Command exited with status 9', 9],
  ['Container exited with status 0', 0],
  ['Command terminated with signal Killed', 137],
  ['Command terminated with signal Segmentation fault (core dumped)', 139],
  ['Failed to launch container', undefined],
]
for (const [message, status] of messages) test(`"${message}" has exit status ${status}`, () => assert.equal(statusIn(message), status))

const refusals: readonly (readonly [name: string, sentence: string])[] = [
  ['bad-values', '/cpus is smaller than may be'],
  ['bad-id', '/id has characters that may not be in it'],
  ['bad-strategy', '/upgradeStrategy/minimumHealthCapacity is larger than may be'],
  ['bad-json', 'Invalid JSON: Unexpected end-of-input within/between Object entries'],
  ['app-create-again', 'An app with id [/manor/team-a/c-17] already exists.'],
  ['not-found', "App '/manor/none' does not exist"],
]
for (const [name, sentence] of refusals)
  test(`the refusal ${name} names what is wrong`, () => {
    const { status, json } = recordedMarathon(name)
    assert.equal(refusalSentence(status, parseRefusal(json)), sentence)
  })

test('a locked app tells which deployment locks it, and an app that exists does not', () => {
  assert.deepEqual(parseRefusal(bodyOf('app-locked')).deployments, [{ id: '68562f13-540b-4e9e-97f0-20668239356e' }])
  assert.equal(parseRefusal(bodyOf('app-create-again')).deployments, undefined)
})

test('a page of a proxy in front is a refusal without words', () => {
  assert.deepEqual(parseRefusal('<html>'), {})
  assert.equal(refusalSentence(502, {}), 'status 502')
})

const waits: readonly (readonly [name: string, code: string, words: RegExp])[] = [
  ['queue', 'no-capacity', /of the last 1 offers 1 had too little memory\.$/],
  ['queue-unique', 'no-capacity', /of the last 1 offers 1 did not meet its constraints\.$/],
  ['queue-backoff', 'no-capacity', /No agent has offered/],
]
for (const [name, code, words] of waits)
  test(`${name} says why its app waits`, () => {
    const [item] = parseQueue(bodyOf(name))
    assert.ok(item)
    const reason = queueReason(item)
    assert.equal(reason.code, code)
    assert.match(reason.message, words)
  })

test('a delay that is left is a back-off', () => {
  const [item] = parseQueue(bodyOf('queue-backoff'))
  assert.ok(item)
  const reason = queueReason({ ...item, delay: { timeLeftSeconds: 3.2, overdue: false } })
  assert.deepEqual([reason.code, /4 s/.test(reason.message)], ['backing-off', true])
})

test('recorded events are the same however the bytes are cut', () => {
  const bytes = Buffer.from(recordedEvents('two-tasks-events'))
  const whole = new EventParser().push(bytes)
  assert.equal(whole[0]?.event, 'event_stream_attached')
  assert.ok(whole.length > 15)
  for (const { data } of whole) assert.ok(JSON.parse(data))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 40 }), sizes => {
      const parser = new EventParser()
      const events: ServerEvent[] = []
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1
        events.push(...parser.push(bytes.subarray(at, at + size)))
        at += size
      }
      assert.deepEqual(events, whole)
    }),
    { numRuns: 50 },
  )
})

test('lines that end in CR LF, a character cut in two and a comment are read', () => {
  const parser = new EventParser()
  const bytes = Buffer.from(': hello\r\nevent: a\r\ndata: ü\r\ndata: 2\r\n\r\n')
  const events = [...bytes].flatMap(byte => parser.push(Uint8Array.of(byte)))
  assert.deepEqual(events, [{ event: 'a', data: 'ü\n2' }])
})

test('an endless line is let go and the next event is read', () => {
  const parser = new EventParser()
  assert.deepEqual(parser.push(Buffer.from(`data: ${'x'.repeat(2_000_000)}`)), [])
  assert.deepEqual(parser.push(Buffer.from('yy\ndata: 1\n\n')), [{ event: 'message', data: '1' }])
})
