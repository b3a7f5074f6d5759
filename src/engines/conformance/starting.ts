import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACCESS_KINDS, type Access, type AccessKind, type Workload } from '../../model/index.ts'
import { EngineError } from '../engine.ts'
import { type Bench, countLines } from './harness.ts'

const FOREVER = 'echo started; while :; do sleep 0.2; done'

const ONE_OF_EACH: Readonly<Record<AccessKind, Access>> = {
  privileged: { privileged: true },
  capabilities: { capabilities: ['NET_ADMIN'] },
  hostPaths: { hostPaths: [{ path: '/srv' }] },
  hostNetwork: { hostNetwork: true },
}

/** Submitting: once for each id, with what was asked for, and nothing where it is refused. */
export const startingTests = (bench: () => Bench): void => {
  test('a second submit of the same workload starts nothing', async () => {
    const { harness, workload, submit, said, until, signal } = bench()
    const wanted = workload(FOREVER)
    const id = await submit(wanted)
    await said(id, 'started')
    const before = await until(id, 'running', ({ state }) => state === 'running')
    await submit(wanted)
    const after = await until(id, 'running', ({ state }) => state === 'running')
    assert.equal(after.startedAt, before.startedAt)
    assert.equal(countLines(await said(id, 'started'), 'started'), 1)
    await harness.engine.stop(id, 0, signal)
  })

  test('twenty submits of one workload at the same time start it once', async () => {
    const { harness, workload, submit, said, signal } = bench()
    const wanted = workload(FOREVER)
    await Promise.all(Array.from({ length: 20 }, () => submit(wanted)))
    await said(wanted.id, 'started')
    await harness.clock.sleep(200)
    assert.equal(countLines(await said(wanted.id, 'started'), 'started'), 1)
    const all = await harness.engine.list(signal)
    assert.equal(all.filter(({ id }) => id === wanted.id).length, 1)
    await harness.engine.stop(wanted.id, 0, signal)
  })

  test('a submit after a restart, and one of an old instance at the same time, start nothing twice', async () => {
    const { harness, workload, said, signal } = bench()
    const wanted = workload(FOREVER)
    const { engine: old } = harness
    // Either may lose the race and say so; what counts is what runs.
    await Promise.allSettled([
      old.submit(wanted, harness.host, signal),
      harness.restart().then(fresh => fresh.submit(wanted, harness.host, signal)),
    ])
    await harness.engine.submit(wanted, harness.host, signal)
    await said(wanted.id, 'started')
    await harness.clock.sleep(200)
    assert.equal(countLines(await said(wanted.id, 'started'), 'started'), 1)
    await harness.engine.stop(wanted.id, 0, signal)
  })

  test('a submit of a workload that has ended starts nothing', async () => {
    const { workload, submit, ended, said, observe } = bench()
    const wanted = workload('echo started')
    const id = await submit(wanted)
    const before = await ended(id)
    await submit(wanted)
    assert.deepEqual(await observe(id), before)
    assert.equal(countLines(await said(id, 'started'), 'started'), 1)
  })

  test('an observation carries labels, host and start', async () => {
    const { harness, workload, submit, until, signal } = bench()
    const before = harness.clock.now()
    const wanted = workload(FOREVER, { labels: { owner: harness.owner, kind: 'controller', noun: 'team-a', epoch: 7 } })
    const id = await submit(wanted)
    const seen = await until(id, 'running', ({ state }) => state === 'running')
    assert.deepEqual(seen.labels, wanted.labels)
    const hosts = await harness.engine.hosts(signal)
    assert.ok(hosts.some(host => host.id === seen.host))
    // Clocks of files and of programs differ by some milliseconds.
    assert.ok(seen.startedAt !== undefined && seen.startedAt >= before - 100 && seen.startedAt <= harness.clock.now() + 100)
    assert.equal(seen.endedAt, undefined)
    assert.equal(seen.exitCode, undefined)
    await harness.engine.stop(id, 0, signal)
  })

  test('files have their content and mode, with placeholders filled in', async () => {
    const { workload, submit, ended, said } = bench()
    const id = await submit(
      workload('cd "$(dirname "$FILE")" && stat -c %a:%n policy run.sh && cat policy && ./run.sh; echo "braces {x}"', {
        files: [
          { path: 'deep/policy', content: `it's at {dir}, port {port:http} $HOME {"a":{}}\n`, mode: 0o600 },
          { path: 'deep/run.sh', content: '#!/bin/sh\necho ran\n', mode: 0o700 },
        ],
        environment: { FILE: '{dir}/deep/policy' },
        ports: { http: 0 },
      }),
    )
    const { exitCode, ports } = await ended(id)
    const log = await said(id, 'braces {x}')
    assert.equal(exitCode, 0, log)
    assert.match(log, /^600:policy$/m)
    assert.match(log, /^700:run\.sh$/m)
    assert.match(log, new RegExp(`it's at /.+, port ${ports.http} \\$HOME \\{"a":\\{\\}\\}`))
    assert.equal(countLines(log, 'ran'), 1)
  })

  test('the environment is what was asked for and nothing of our own', async () => {
    const { workload, submit, ended, said } = bench()
    const secret = `leak-${process.pid}`
    process.env.MANOR_CONFORMANCE_SECRET = secret
    try {
      const text = `it's "quoted" $HOME \`date\` \\ ü`
      const id = await submit(
        workload('env; echo "[$TEXT]"; [ -d "$TMPDIR" ] && [ -w "$TMPDIR" ] && echo writable', { environment: { TEXT: text } }),
      )
      await ended(id)
      const log = await said(id, 'writable')
      assert.ok(log.includes(`[${text}]`), log)
      assert.ok(!log.includes(secret), 'the environment of the engine leaked')
    } finally {
      delete process.env.MANOR_CONFORMANCE_SECRET
    }
  })

  test('ports: 0 is chosen, differs between workloads, and stays over a restart', async () => {
    const { harness, workload, submit, until, said, signal } = bench()
    const ids = await Promise.all([1, 2, 3].map(() => submit(workload('echo "port {port:http}."; sleep 60', { ports: { http: 0 } }))))
    const chosen = await Promise.all(ids.map(async id => (await until(id, 'running', ({ state }) => state === 'running')).ports.http))
    assert.equal(new Set(chosen).size, ids.length)
    const [id] = ids
    assert.ok(id !== undefined && chosen[0] !== undefined && chosen[0] > 0)
    await said(id, `port ${chosen[0]}.`)
    await harness.restart()
    const after = await until(id, 'running', ({ state }) => state === 'running')
    assert.equal(after.ports.http, chosen[0])
    for (const each of ids) await harness.engine.stop(each, 0, signal)
  })

  test('ports: a fixed one that somebody else holds is refused, and can be had later', async () => {
    const { harness, workload, submit, ended, observe } = bench()
    const { port, release } = await harness.occupyPort()
    const wanted = workload('exit 0', { ports: { http: port } })
    try {
      await assert.rejects(submit(wanted), cause => cause instanceof EngineError && cause.retryable && /port/i.test(cause.message))
      assert.equal(await observe(wanted.id), undefined)
    } finally {
      await release()
    }
    const { exitCode, ports } = await ended(await submit(wanted))
    assert.deepEqual({ exitCode, ports }, { exitCode: 0, ports: { http: port } })
  })

  const invalid: readonly (readonly [what: string, spec: Partial<Workload>])[] = [
    ['no program', { command: [] }],
    ['a file outside the private directory', { files: [{ path: '../out', content: '', mode: 0o600 }] }],
    ['a file at an absolute path', { files: [{ path: '/tmp/out', content: '', mode: 0o600 }] }],
    ['a placeholder for a port that is not declared', { environment: { URL: 'http://localhost:{port:http}/' } }],
    ['a port that is no port', { ports: { http: 70_000 } }],
    ['a name of a variable that a shell cannot have', { environment: { 'a-b': '1' } }],
    ['an owner that is not ours', { labels: { owner: 'someone-else', kind: 'agent', noun: 'x', epoch: 1 } }],
  ]
  const isRefused = async (spec: Partial<Workload>): Promise<void> => {
    const { workload, submit, observe } = bench()
    const wanted = workload('echo started', spec)
    await assert.rejects(submit(wanted), cause => {
      assert.ok(cause instanceof EngineError, String(cause))
      assert.equal(cause.reason.code, 'invalid-spec')
      assert.equal(cause.retryable, false)
      assert.ok(cause.message.length > 10)
      return true
    })
    assert.equal(await observe(wanted.id), undefined)
  }
  for (const [what, spec] of invalid) test(`refused with a reason, leaving nothing: ${what}`, () => isRefused(spec))

  test('refused with a reason, leaving nothing: what it does not say that it gives of its hosts, and the socket of a container engine', async () => {
    const { gives = [] } = bench().harness.engine
    for (const kind of ACCESS_KINDS) if (!gives.includes(kind)) await isRefused({ access: ONE_OF_EACH[kind] })
    await isRefused({ access: { hostPaths: [{ path: '/var/run/docker.sock' }] } })
  })
}
