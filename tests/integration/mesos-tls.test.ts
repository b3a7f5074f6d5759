/** Mesos behind TLS, and a leader whose certificate nobody vouches for. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { createServer } from 'node:tls'
import { serverCertificate } from '../support/certificates.ts'
import { mesosBench, taskOf, until } from '../support/mesos-double.ts'
import { memoryState } from '../support/mesos-engine.ts'
import { waitFor } from '../support/wait.ts'

const { signal } = new AbortController()

test('a leader behind TLS is spoken to with the authority that was given; without it, its certificate is told to be nobody’s', async () => {
  const { ca, cert, key } = await serverCertificate()
  await using bench = await mesosBench()
  const port = Number(new URL(bench.double.urls[0] ?? '').port)
  const open = new Set<{ destroy(): void }>()
  const server = createServer({ cert, key }, socket => {
    const plain = connect(port, '127.0.0.1')
    for (const side of [socket, plain]) {
      open.add(side)
      side.on('error', () => [socket, plain].map(each => each.destroy()))
    }
    socket.pipe(plain).pipe(socket)
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const listening = server.address()
  assert.ok(typeof listening === 'object' && listening !== null)
  const url = `https://127.0.0.1:${listening.port}`
  try {
    const engine = await bench.open(memoryState(), { url, tls: { ca } })
    const one = taskOf('exit 3')
    await engine.submit(one, undefined, signal)
    assert.equal((await until(engine, one.id, 'ended')).exitCode, 3)
    await bench.open(memoryState(), { url })
    await waitFor(() => bench.warnings.some(text => /certificate|issuer/i.test(text)), { what: 'it is told', seen: () => bench.warnings })
  } finally {
    for (const side of open) side.destroy()
    await new Promise<void>(resolve => server.close(() => resolve()))
  }
})
