/**
 * A way to a leader that writes down when each update of a task went over it: `node wire.ts URL`. In a process of its own, so that it is not held up
 * by what it measures. Its parent asks for what it wrote (`arrived`) and begins anew with that.
 */
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RecordReader } from '../../src/engines/mesos/record-io.ts'
import { updateKey } from './update-key.ts'
import { type Arrival, nowMs } from './waits.ts'

type Update = { readonly update?: { readonly status?: Parameters<typeof updateKey>[0] } }

const leader = new URL(process.argv[2] ?? '')
const agent = new Agent({ keepAlive: true })
let arrived: Arrival[] = []

const noted = (record: Buffer, from: number): Arrival | undefined => {
  // Offers are large, and nobody asks for them here.
  if (!record.subarray(0, 4_096).includes('UPDATE')) return undefined
  const key = updateKey((JSON.parse(String(record)) as Update).update?.status ?? {})
  return key === undefined ? undefined : { key, from, sentAt: from }
}

const server = createServer((incoming, answer) => {
  const { method, url, headers } = incoming
  const forward = request({ agent, host: leader.hostname, port: leader.port, method, path: url, headers }, theirs => {
    answer.writeHead(theirs.statusCode ?? 502, theirs.headers)
    const reader = theirs.headers['mesos-stream-id'] === undefined ? undefined : new RecordReader()
    theirs.on('data', (chunk: Buffer) => {
      const from = nowMs()
      let all: readonly Arrival[] = []
      answer.write(chunk, () => {
        const sentAt = nowMs()
        for (const one of all) one.sentAt = sentAt
      })
      all = (reader?.push(chunk) ?? []).flatMap(record => noted(record, from) ?? [])
      arrived.push(...all)
    })
    theirs.on('end', () => answer.end())
    theirs.on('error', () => answer.destroy())
  })
  forward.on('error', () => answer.destroy())
  answer.on('close', () => forward.destroy())
  incoming.pipe(forward)
})
server.listen(0, '127.0.0.1', () => process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }))
process.on('message', () => {
  process.send?.({ arrived })
  arrived = []
})
process.on('disconnect', () => process.exit(0))
