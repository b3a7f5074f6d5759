import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { framed } from '../../../tests/support/recorded-mesos.ts'
import { waitFor } from '../../../tests/support/wait.ts'
import { type EventStream, StreamReader } from './stream-reader.ts'

const PATH = '/api/v1/scheduler'
const HEAD = { 'Content-Type': 'application/json', 'Mesos-Stream-Id': 's' }
const MEBIBYTE = 1_048_576
const subscribed = (heartbeatSeconds: number): Buffer =>
  framed(JSON.stringify({ type: 'SUBSCRIBED', subscribed: { framework_id: { value: 'F' }, heartbeat_interval_seconds: heartbeatSeconds } }))

/** A leader that answers as it is told, and a reader. */
const reading = async (
  answer: (response: ServerResponse, count: number) => void,
  work: (reader: StreamReader, origin: string) => Promise<void>,
): Promise<void> => {
  let count = 0
  const server = createServer((_request, response) => answer(response, ++count))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const reader = new StreamReader({})
  try {
    await work(reader, `http://127.0.0.1:${address.port}`)
  } finally {
    await reader.close()
    server.closeAllConnections()
    await new Promise<void>(resolve => server.close(() => resolve()))
  }
}

const typesOf = async ({ batches }: EventStream): Promise<string[]> => {
  const types: string[] = []
  for await (const events of batches) types.push(...events.map(({ type }) => type))
  return types
}

/** In a thread of its own: sends one record when it is told to and no other, and tells when it is left. */
const SILENT_LEADER = `
  const { createServer } = require('node:http')
  const { parentPort, workerData } = require('node:worker_threads')
  createServer((request, response) => {
    response.writeHead(200, ${JSON.stringify(HEAD)})
    response.flushHeaders()
    parentPort.once('message', () => response.write(${JSON.stringify(String(subscribed(0.02)))}))
    response.on('close', () => {
      Atomics.store(workerData, 0, 1)
      Atomics.notify(workerData, 0)
    })
  }).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port) })
`

test('while the engine’s thread is held up, what comes is read, and a leader that falls silent is left', async () => {
  const left = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const leader = new Worker(SILENT_LEADER, { eval: true, workerData: left })
  const reader = new StreamReader({})
  try {
    const [port] = await once(leader, 'message')
    const stream = await reader.open(`http://127.0.0.1:${port}`, PATH, {}, new AbortController().signal)
    leader.postMessage('send')
    // Nothing of this thread runs until the leader was left: for silence after the one record, which says how long that is.
    assert.notEqual(Atomics.wait(left, 0, 0, 60_000), 'timed-out')
    const events: string[] = []
    const read = async (): Promise<void> => {
      for await (const batch of stream.batches) events.push(...batch.map(({ type }) => type))
    }
    await assert.rejects(read, /The leader has said nothing for 0 s/)
    assert.deepEqual(events, ['SUBSCRIBED'], 'what was read before is still handled')
  } finally {
    await reader.close()
    await leader.terminate()
  }
})

test('an engine that does not come to handle what was read stops the reading before it is too much, and misses nothing', async () => {
  const record = framed(JSON.stringify({ type: 'HEARTBEAT', padding: 'x'.repeat(MEBIBYTE) }))
  const count = 64
  let sent = 0
  const send = async (response: ServerResponse): Promise<void> => {
    response.writeHead(200, HEAD)
    response.write(subscribed(0.2))
    for (; sent < count; sent++) if (!response.write(record)) await once(response, 'drain')
    response.end()
  }
  await reading(
    response => void send(response),
    async (reader, origin) => {
      const stream = await reader.open(origin, PATH, {}, new AbortController().signal)
      // Longer than the leader may be silent: one that nobody listens to is not.
      let before = 0
      let same = 0
      const isHeld = (): boolean => {
        same = sent === before ? same + 1 : 0
        before = sent
        return sent >= 16 && same >= 30
      }
      await waitFor(isHeld, { what: 'nothing more is read', seen: () => sent })
      assert.ok(sent < 32, `${sent} MiB were sent: 16 may wait, and what the sockets hold`)
      assert.deepEqual(await typesOf(stream), ['SUBSCRIBED', ...Array<string>(count).fill('HEARTBEAT')])
    },
  )
})

test('the signal ends a call that has no answer yet, and a stream with what was not handled, at once', async () => {
  let asked = 0
  let closed = 0
  await reading(
    (response, count) => {
      asked = count
      response.on('close', () => closed++)
      if (count > 1) response.writeHead(200, HEAD).write(subscribed(15))
    },
    async (reader, origin) => {
      const unanswered = new AbortController()
      const opening = reader.open(origin, PATH, {}, unanswered.signal)
      await waitFor(() => asked === 1, { what: 'the leader is asked', everyMs: 5 })
      unanswered.abort(new Error('enough'))
      await assert.rejects(opening, /enough/)
      await waitFor(() => closed === 1, { what: 'the leader sees that nobody waits for its answer', everyMs: 5 })
      const abort = new AbortController()
      const stream = await reader.open(origin, PATH, {}, abort.signal)
      abort.abort(new Error('now'))
      await assert.rejects(typesOf(stream), /now/)
      await waitFor(() => closed === 2, { what: 'the leader sees that the stream is closed', everyMs: 5 })
      await assert.rejects(reader.open(origin, PATH, {}, abort.signal), /now/, 'a signal that has aborted opens none')
    },
  )
})

test('one thread reads stream after stream; one that dies ends its stream, and the next has another', async () => {
  const threads: Worker[] = []
  const onThread = (thread: Worker): unknown => threads.push(thread)
  process.on('worker', onThread)
  const listeners = process.listenerCount('exit')
  try {
    await reading(
      response => response.writeHead(200, HEAD).write(subscribed(15)),
      async (reader, origin) => {
        for (let times = 0; times < 3; times++) {
          const abort = new AbortController()
          await reader.open(origin, PATH, {}, abort.signal)
          abort.abort()
        }
        const stream = await reader.open(origin, PATH, {}, new AbortController().signal)
        assert.equal(threads.length, 1)
        void threads[0]?.terminate()
        await assert.rejects(typesOf(stream), /The thread that reads the stream has ended/)
        await reader.open(origin, PATH, {}, new AbortController().signal)
        assert.equal(threads.length, 2)
      },
    )
    assert.equal(process.listenerCount('exit'), listeners)
    assert.deepEqual(
      threads.map(({ threadId }) => threadId),
      [-1, -1],
      'closed, it has none',
    )
  } finally {
    process.off('worker', onThread)
  }
})

test('an open stream keeps no process alive', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-stream-reader-'))
  try {
    await reading(
      response => response.writeHead(200, HEAD).write(subscribed(15)),
      async (_reader, origin) => {
        const program = join(directory, 'program.mjs')
        await writeFile(
          program,
          `import { StreamReader } from '${pathToFileURL(join(import.meta.dirname, 'stream-reader.ts'))}'
           const alive = setInterval(() => undefined, 1_000)
           await new StreamReader({}).open('${origin}', '${PATH}', {}, new AbortController().signal)
           console.log('open')
           clearInterval(alive)`,
        )
        const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
        const output = child.stdout.toArray()
        try {
          const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(60_000) })
          assert.deepEqual([code, (await output).join('')], [0, 'open\n'])
        } finally {
          child.kill('SIGKILL')
        }
      },
    )
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
