import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../runtime/index.ts'
import { RouterError } from './errors.ts'
import { openWorkloadDoor } from './workload-door.ts'

const open = (port = 0) =>
  openWorkloadDoor({
    own: (request, response) => response.end(`own ${request.method} ${request.url}`),
    clock: systemClock,
    listen: { host: '127.0.0.1', port },
  })

const table: readonly (readonly [target: string, status: number])[] = [
  ['/hook/v1/report', 200],
  ['/start/v1/abc', 200],
  ['/', 404],
  ['/api/v1/controllers', 404],
  ['/hook/v1', 404],
  ['/hook/v10/report', 404],
  ['/sign-in?token=x', 404],
  ['/team-a/login', 404],
  // Nothing is decoded or folded, so nothing else hides behind a path.
  ['//hook/v1/report', 404],
  ['/%68ook/v1/report', 404],
]

test('only what is for workloads is answered', async () => {
  await using door = await open()
  for (const [target, status] of table) {
    const answer = await fetch(`http://127.0.0.1:${door.address.port}${target}`)
    assert.equal(answer.status, status, target)
    const text = await answer.text()
    if (status === 200) assert.equal(text, `own GET ${target}`)
    else assert.equal(JSON.parse(text).code, 'not-found')
  }
})

test('a port that is taken is said with the mend', async () => {
  await using door = await open()
  await assert.rejects(open(door.address.port), cause => cause instanceof RouterError && cause.code === 'port-taken')
})
