/** The router between real sockets: bytes as they were written, streams that flow both ways, ends that break. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, createServer } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { RouterError } from '../../src/router/index.ts'
import { exchangeRaw, readyRoute, startRouter, startUpstream } from '../support/router.ts'
import { waitFor } from '../support/wait.ts'

const MEBIBYTE = 1_048_576

const ask = (port: number, path: string, options: { method?: string; headers?: Record<string, string> } = {}): ClientRequest =>
  httpRequest({ host: '127.0.0.1', port, path, agent: false, ...options })

const answerOf = async (request: ClientRequest): Promise<IncomingMessage> => {
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  return answer
}

const textOf = async (answer: IncomingMessage): Promise<string> => {
  answer.setEncoding('latin1')
  let text = ''
  for await (const part of answer) text += part
  return text
}

test('a path reaches the controller byte for byte', async () => {
  await using upstream = await startUpstream((request, response) => response.end(request.url))
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const piece = fc.oneof(
    fc.constantFrom('%2F', '%2f', '%5C', ';a=b', '//', '/../', '/./', '%00', '%25', '+', '?', '&', '=', "'", '"', '<', '|', '{', '[', '#'),
    fc.string({ maxLength: 4 }).map(text => encodeURIComponent(text.toWellFormed())),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async pieces => {
      const target = `/hello/${pieces.join('')}`
      const answer = await exchangeRaw(started.port, `GET ${target} HTTP/1.1\r\nHost: ci.test\r\nConnection: close\r\n\r\n`)
      assert.equal(
        answer
          .slice(answer.indexOf('\r\n\r\n') + 4)
          .replace(/^[0-9a-f]+\r\n/, '')
          .replace(/\r\n0\r\n\r\n$/, ''),
        target,
      )
    }),
    { numRuns: 150 },
  )
})

test('headers keep their case and their duplicates, the controller learns the address the browser used', async () => {
  await using upstream = await startUpstream((request, response) => {
    response.writeHead(201, 'Made It', ['Set-Cookie', 'a=1', 'X-Seen', JSON.stringify(request.rawHeaders), 'Set-Cookie', 'b=2'])
    response.end()
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const answer = await exchangeRaw(
    started.port,
    'GET /hello/ HTTP/1.1\r\nHost: ci.test:81\r\nX-a: 1\r\nX-A: 2\r\nCookie: manor_session=s; c=1\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n',
  )
  assert.match(answer, /^HTTP\/1\.1 201 Made It\r\n/)
  assert.match(answer, /Set-Cookie: a=1\r\n/)
  assert.match(answer, /Set-Cookie: b=2\r\n/)
  const seen: string[] = JSON.parse(/X-Seen: (.*)\r\n/.exec(answer)?.[1] ?? '[]')
  assert.deepEqual(seen, [
    ...['Host', 'ci.test:81', 'X-a', '1', 'X-A', '2', 'Cookie', 'c=1'],
    ...['X-Forwarded-For', '127.0.0.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'ci.test:81', 'X-Forwarded-Port', '81'],
    ...['Connection', 'keep-alive'],
  ])
})

test('an answer without a body has none: HEAD, 204, 304', async () => {
  await using upstream = await startUpstream((request, response) => {
    const status = Number(request.url?.slice('/hello/'.length))
    response.writeHead(status, status === 204 ? {} : { 'content-length': 7 })
    response.end(status === 200 ? 'content' : undefined)
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const end = 'Host: x\r\nConnection: close\r\n\r\n'
  assert.match(
    await exchangeRaw(started.port, `HEAD /hello/200 HTTP/1.1\r\n${end}`),
    /^HTTP\/1\.1 200 OK\r\ncontent-length: 7\r\n[\s\S]*\r\n\r\n$/i,
  )
  assert.match(
    await exchangeRaw(started.port, `GET /hello/304 HTTP/1.1\r\n${end}`),
    /^HTTP\/1\.1 304 [\s\S]*content-length: 7[\s\S]*\r\n\r\n$/,
  )
  const empty = await exchangeRaw(started.port, `GET /hello/204 HTTP/1.1\r\n${end}`)
  assert.match(empty, /^HTTP\/1\.1 204 [\s\S]*\r\n\r\n$/)
  assert.doesNotMatch(empty, /content-length|transfer-encoding/i)
})

test('a body of 100 MiB goes up and comes down while a reader that stops holds the writer back', async () => {
  const size = 100 * MEBIBYTE
  const chunk = Buffer.alloc(MEBIBYTE, 7)
  let written = 0
  const source = function* () {
    for (; written < size; written += chunk.length) yield chunk
  }
  await using upstream = await startUpstream((request, response) => {
    if (request.method === 'POST') {
      const hash = createHash('sha256')
      request.on('data', part => hash.update(part))
      request.on('end', () => response.end(hash.digest('hex')))
    } else void pipeline(Readable.from(source()), response).catch(() => response.destroy())
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const up = ask(started.port, '/hello/up', { method: 'POST' })
  const uploaded = answerOf(up)
  await pipeline(Readable.from(source()), up)
  const expected = createHash('sha256')
  for (let i = 0; i < size; i += chunk.length) expected.update(chunk)
  assert.equal(await textOf(await uploaded), expected.digest('hex'))

  written = 0
  const down = ask(started.port, '/hello/down').end()
  const answer = await answerOf(down)
  answer.pause()
  // Without anyone reading, what is under way fills the sockets' buffers and then the writer stops.
  let before = -1
  await waitFor(
    () => {
      const still = written === before
      before = written
      return still && written > 0
    },
    { what: 'the writer to stop', withinMs: 10_000 },
  )
  assert.ok(written < 40 * MEBIBYTE, `${written} bytes were taken from a writer that nobody read`)
  let received = 0
  for await (const part of answer) received += part.length
  assert.equal(received, size)
})

test('an event reaches the client before the next one is sent', async () => {
  let send: (text: string) => void = () => undefined
  await using upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    send = text => response.write(text)
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const answer = await answerOf(ask(started.port, '/hello/events').end())
  for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
    send(text)
    const [part] = (await once(answer, 'data')) as [Buffer]
    assert.equal(part.toString(), text)
  }
  answer.destroy()
})

test('a client that goes away ends the request at the controller', async () => {
  let gone = false
  await using upstream = await startUpstream((_request, response) => {
    response.on('close', () => {
      gone = true
    })
    response.write('begun')
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const request = ask(started.port, '/hello/').end()
  await answerOf(request)
  request.destroy()
  await waitFor(() => gone, { what: 'the controller to hear of it', withinMs: 5_000 })
  await waitFor(() => started.router.counters().openRequests === 0, { what: 'the router to forget the request', withinMs: 5_000 })
  assert.equal(started.router.counters().clientAborts, 1)
})

test('a controller that breaks off in the middle of its answer breaks the client’s off', async () => {
  await using upstream = await startUpstream((request, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('half', () => request.socket.destroy())
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  await assert.rejects(async () => textOf(await answerOf(ask(started.port, '/hello/').end())), { code: 'ECONNRESET' })
  assert.equal(started.faults[0]?.failure, 'broken')
})

test('a controller that is not there is named, to a browser in words and to a program as a problem', async () => {
  const upstream = await startUpstream(() => undefined)
  await upstream[Symbol.asyncDispose]()
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const page = await fetch(`${started.url}/hello/`, { headers: { accept: 'text/html,*/*' } })
  assert.equal(page.status, 502)
  assert.match(await page.text(), /hello did not answer[\s\S]*Nothing listens on its port/)
  const problem = await fetch(`${started.url}/hello/`, { method: 'POST', body: 'x' })
  assert.equal(problem.headers.get('content-type'), 'application/problem+json')
  assert.equal(problem.headers.get('retry-after'), '2')
  const body: unknown = await problem.json()
  assert.ok(typeof body === 'object' && body !== null && 'code' in body && 'controller' in body)
  assert.deepEqual([body.code, body.controller], ['controller-refused', 'hello'])
})

test('a connection that the controller closed while it was kept costs a GET nothing', async () => {
  await using upstream = await startUpstream((request, response) => {
    response.end('ok')
    // Closes right after the answer without having said so.
    response.on('finish', () => request.socket.destroySoon())
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const answers = []
  for (let i = 0; i < 40; i++) answers.push(await (await fetch(`${started.url}/hello/`)).text())
  assert.deepEqual(new Set(answers), new Set(['ok']))
})

test('a body is asked for only when the controller wants it', async () => {
  await using upstream = await startUpstream(() => undefined)
  upstream.server.on('checkContinue', (request, response) => {
    if (request.url === '/hello/no') {
      response.writeHead(413).end('too large')
      return
    }
    response.writeContinue()
    request.pipe(response)
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const yes = ask(started.port, '/hello/yes', { method: 'POST', headers: { expect: '100-continue', 'content-length': '4' } })
  yes.flushHeaders()
  await once(yes, 'continue')
  yes.end('body')
  assert.equal(await textOf(await answerOf(yes)), 'body')

  const no = ask(started.port, '/hello/no', { method: 'POST', headers: { expect: '100-continue', 'content-length': '4' } })
  no.flushHeaders()
  const refused = await answerOf(no)
  assert.equal(refused.statusCode, 413)
  assert.equal(refused.headers.connection, 'close')
  no.destroy()
})

test('an answer that comes before the body has been sent reaches the client', async () => {
  await using upstream = await startUpstream((_request, response) => {
    response.writeHead(413).end('too large')
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const request = ask(started.port, '/hello/up', { method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
  request.write('the beginning')
  const answer = await answerOf(request)
  assert.equal(answer.statusCode, 413)
  assert.equal(await textOf(answer), 'too large')
  request.end()
})

test('both bodies can flow at the same time', async () => {
  await using upstream = await startUpstream((request, response) => {
    response.flushHeaders()
    request.pipe(response)
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const request = ask(started.port, '/hello/cli', { method: 'POST' })
  request.flushHeaders()
  const answer = await answerOf(request)
  for (const text of ['one', 'two', 'three']) {
    request.write(text)
    const [part] = (await once(answer, 'data')) as [Buffer]
    assert.equal(part.toString(), text)
  }
  request.end()
  await once(answer, 'end')
})

test('a controller’s own host sends to its prefix, keeping the method', async () => {
  await using started = await startRouter([readyRoute('hello', 1)])
  const at = async (method: string, path: string) => {
    const answer = await answerOf(ask(started.port, path, { method, headers: { host: 'hello.localhost' } }).end())
    return [answer.statusCode, answer.headers.location]
  }
  assert.deepEqual(await at('GET', '/'), [302, '/hello/'])
  assert.deepEqual(await at('GET', '/api/json?x'), [302, '/hello/api/json?x'])
  assert.deepEqual(await at('POST', '/github-webhook/'), [307, '/hello/github-webhook/'])
})

const READ_TWO_WAYS: readonly (readonly [name: string, head: string, status: RegExp])[] = [
  ['a length and a coding', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', /^HTTP\/1\.1 400 /],
  ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n', /^HTTP\/1\.1 400 /],
  ['a length that is no number', 'Content-Length: +5\r\n', /^HTTP\/1\.1 400 /],
  ['a coding behind another', 'Transfer-Encoding: gzip, chunked\r\n', /^HTTP\/1\.1 400 /],
  ['a coding that is not the last', 'Transfer-Encoding: chunked, identity\r\n', /^HTTP\/1\.1 400 /],
  ['a coding spelt oddly', 'Transfer-Encoding: xchunked\r\n', /^HTTP\/1\.1 400 /],
  ['a blank before the colon', 'Transfer-Encoding : chunked\r\n', /^HTTP\/1\.1 400 /],
  ['a folded line', 'X-A: 1\r\n Transfer-Encoding: chunked\r\n', /^HTTP\/1\.1 400 /],
  ['a bare line feed', 'X-A: 1\nTransfer-Encoding: chunked\r\n', /^HTTP\/1\.1 400 /],
  ['a bare carriage return', 'X-A: 1\rTransfer-Encoding: chunked\r\n', /^HTTP\/1\.1 400 /],
  ['two hosts', 'Host: other\r\n', /^HTTP\/1\.1 400 /],
  ['a byte of zero', 'X-A: \0\r\n', /^HTTP\/1\.1 400 /],
  ['a head that is too large', `X-A: ${'a'.repeat(40_000)}\r\n`, /^HTTP\/1\.1 431 /],
]
test('what two programs could read in two ways is refused before the controller hears of it', async t => {
  let heard = 0
  await using upstream = await startUpstream((_request, response) => {
    heard++
    response.end()
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  for (const [name, head, status] of READ_TWO_WAYS)
    await t.test(name, async () => {
      assert.match(await exchangeRaw(started.port, `POST /hello/ HTTP/1.1\r\nHost: x\r\n${head}\r\n0\r\n\r\n`), status)
    })
  assert.equal(heard, 0)
})

const UNINTELLIGIBLE: readonly (readonly [name: string, answer: string])[] = [
  ['a status below 100', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
  ['a control character in the reason', 'HTTP/1.1 200 A\x01B\r\nContent-Length: 0\r\n\r\n'],
  ['a control character in a field', 'HTTP/1.1 200 OK\r\nX-A: a\x7fb\r\nContent-Length: 0\r\n\r\n'],
  ['a length and a coding', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
  ['a protocol that nobody asked for', 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n'],
  ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n'],
]
test('a controller that answers with something else than HTTP breaks nothing but its own answer', async t => {
  let answer = ''
  const odd = createServer(socket => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => socket.end(Buffer.from(answer, 'latin1')))
  }).listen(0, '127.0.0.1')
  await once(odd, 'listening')
  const address = odd.address()
  assert.ok(address !== null && typeof address === 'object')
  await using started = await startRouter([readyRoute('hello', address.port)])
  const wanted = { plain: 'Connection: close', socket: 'Connection: Upgrade\r\nUpgrade: websocket' }
  for (const [name, bytes] of UNINTELLIGIBLE)
    for (const [kind, fields] of Object.entries(wanted))
      if (!(kind === 'socket' && bytes.includes(' 101 ')))
        await t.test(`${name}, ${kind}`, async () => {
          answer = bytes
          assert.match(
            await exchangeRaw(started.port, `GET /hello/ HTTP/1.1\r\nHost: x\r\n${fields}\r\n\r\n`),
            /^HTTP\/1\.1 502 [\s\S]*"code":"controller-unintelligible"/,
          )
        })
  odd.close()
})

test('a hint that comes before the answer does not take its place', async () => {
  await using upstream = await startUpstream((_request, response) => {
    response.writeEarlyHints({ link: '</x>; rel=preload' })
    response.end('ok')
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  assert.equal(await textOf(await answerOf(ask(started.port, '/hello/').end())), 'ok')
})

test('a taken port is said with what to do', async () => {
  await using upstream = await startUpstream(() => undefined)
  await using started = await startRouter([])
  await started.router.close()
  await assert.rejects(started.router.listen({ port: upstream.port }), (cause: unknown) => {
    assert.ok(cause instanceof RouterError)
    assert.equal(cause.code, 'port-taken')
    assert.match(cause.message, /--port/)
    return true
  })
})

test('a close lets answers under way end and takes no new connection', async () => {
  let finish: () => void = () => undefined
  await using upstream = await startUpstream((_request, response) => {
    response.write('first ')
    finish = () => response.end('last')
  })
  await using started = await startRouter([readyRoute('hello', upstream.port)])
  const answer = await answerOf(ask(started.port, '/hello/').end())
  const closed = started.router.close()
  const refused = connect(started.port, '127.0.0.1')
  await assert.rejects(once(refused, 'connect'), { code: 'ECONNREFUSED' })
  finish()
  assert.equal(await textOf(answer), 'first last')
  await closed
  assert.equal(started.router.address(), undefined)
})
