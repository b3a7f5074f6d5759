import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { tenantId, type Workload, workloadId } from '../../model/index.ts'
import { VirtualClock } from '../../runtime/index.ts'
import { BOOTSTRAP } from './bootstrap.ts'
import { Records } from './records.ts'
import { type SecondTask, StartDesk } from './start.ts'
import { startScript } from './start-script.ts'

const directory = mkdtempSync(join(tmpdir(), 'manor-start-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const workload = (epoch: number, extra: Partial<Workload> = {}): Workload => ({
  id: workloadId(`c-17.${epoch}`),
  labels: { owner: 'test', kind: 'controller', noun: 'c-17', epoch },
  tenant: tenantId('team-a'),
  account: 'controller/c-17',
  command: ['/bin/sh', '-c', 'echo run'],
  environment: {},
  files: [],
  mounts: [],
  resources: { cpu: 1, memoryMb: 64, diskMb: 0 },
  ports: { http: 0 },
  graceMs: 1_000,
  ...extra,
})

describe('who is let in', () => {
  let runs = 0
  let records: Records
  let desk: StartDesk
  let seconds: SecondTask[]
  const clock = new VirtualClock()

  const open = (): void => {
    seconds = []
    desk = new StartDesk({ records, clock, onSecond: second => seconds.push(second), onChange: () => undefined })
  }
  beforeEach(() => {
    records = new Records(join(directory, `r${++runs}`))
    for (const epoch of [1, 2].slice(0, 1)) submit(epoch)
    open()
  })
  const submit = (epoch: number): void => {
    records.create({ workload: workload(epoch), token: `token${epoch}`, app: '/manor/team-a/c-17', createdAt: 0 })
  }
  const ask = (query: string, epoch = 1): string => {
    const { status, body } = desk.answer(new URL(`http://start/any/c-17.${epoch}?token=token${epoch}&${query}`))
    assert.equal(status, 200)
    return body
  }
  const HERE = 'host=h&ports=31001&dir=/sandbox'
  const isRefused = (body: string): boolean => body.startsWith('printf') && body.endsWith('exit 78\n')

  test('the first task is, again and again, and no other one', () => {
    assert.match(ask(`task=t1&${HERE}`), /echo run/)
    assert.match(ask(`task=t1&${HERE}`), /echo run/)
    assert.ok(isRefused(ask(`task=t2&${HERE}`)))
    assert.deepEqual(
      seconds.map(({ noun, task, holder }) => ({ noun, task, holder })),
      [{ noun: 'c-17', task: 't2', holder: 't1' }],
    )
    assert.equal(records.of(workloadId('c-17.1')).claim?.ports.http, 31_001)
  })

  test('who was let in is known to the next Manor', () => {
    ask(`task=t1&${HERE}`)
    open()
    assert.ok(isRefused(ask(`task=t2&${HERE}`)))
    assert.match(ask(`task=t1&${HERE}`), /echo run/)
  })

  test('nobody is once a later epoch has begun, or a stop was asked for, or it has ended', () => {
    submit(2)
    assert.ok(isRefused(ask(`task=t1&${HERE}`)))
    assert.match(ask(`task=t2&${HERE}`, 2), /echo run/)
    ask('task=t2&ended=3', 2)
    assert.equal(records.of(workloadId('c-17.2')).exit?.status, 3)
    assert.ok(isRefused(ask(`task=t2&${HERE}`, 2)))
    assert.ok(isRefused(ask(`task=t3&${HERE}`, 2)))
    // Of the older epoch: what would have stood beside the newer. What comes after the end is what Marathon always starts.
    assert.deepEqual(
      seconds.map(({ task, why }) => [task, /epoch 2 of c-17 has begun/.test(why)]),
      [['t1', true]],
    )
  })

  test('the end is believed of the task that was let in alone, and once', () => {
    ask(`task=t1&${HERE}`)
    ask('task=t2&ended=9')
    ask('task=t1&ended=4000')
    assert.equal(records.of(workloadId('c-17.1')).exit, undefined)
    ask('task=t1&ended=4')
    ask('task=t1&ended=5')
    assert.equal(records.of(workloadId('c-17.1')).exit?.status, 4)
  })

  for (const [what, url] of [
    ['a wrong token', `http://start/c-17.1?token=token2&task=t1&${HERE}`],
    ['no token', `http://start/c-17.1?task=t1&${HERE}`],
    ['an unknown workload', `http://start/c-99.1?token=token1&task=t1&${HERE}`],
    ['a path upwards', `http://start/..%2F..%2Fetc?token=token1&task=t1&${HERE}`],
    ['no task', `http://start/c-17.1?token=token1&${HERE}`],
    ['a task that is no word', `http://start/c-17.1?token=token1&task=a%20b&${HERE}`],
    ['no port where one is needed', 'http://start/c-17.1?token=token1&task=t1&host=h&ports=&dir=/sandbox'],
    ['a sandbox that would break out of quotes', `http://start/c-17.1?token=token1&task=t1&host=h&ports=31001&dir=/a'b`],
  ] as const)
    test(`nobody is with ${what}`, () => {
      assert.ok(isRefused(desk.answer(new URL(url)).body))
      assert.equal(records.of(workloadId('c-17.1')).claim, undefined)
    })

  test('however many ask at whatever desk, one task is let in', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ task: fc.constantFrom('t1', 't2', 't3'), again: fc.boolean() }), { minLength: 1, maxLength: 12 }),
        asks => {
          records = new Records(join(directory, `p${++runs}`))
          submit(1)
          open()
          const letIn = new Set<string>()
          for (const { task, again } of asks) {
            if (again) open()
            if (!isRefused(ask(`task=${task}&${HERE}`))) letIn.add(task)
          }
          assert.equal(letIn.size, 1)
        },
      ),
      { numRuns: 50 },
    )
  })
})

/** Runs the bootstrap as a task would, with a curl that answers from a file and keeps what it was asked. */
const runTask = (
  script: string,
  shell: readonly string[],
): { status: number | null; stdout: string; stderr: string; asked: string[]; sandbox: string } => {
  const sandbox = mkdtempSync(join(directory, 'sandbox-'))
  const fake = [
    '#!/bin/sh',
    'read line',
    `printf '%s\\n' "$line" >>${sandbox}/asked`,
    `case "$line" in *ended=*) exit 0;; esac`,
    `cat <<'END_OF_SCRIPT'`,
    script,
    'END_OF_SCRIPT',
  ].join('\n')
  const { status, stdout, stderr } = spawnSync(
    shell[0] ?? 'sh',
    [
      ...shell.slice(1),
      '-c',
      `mkdir -p ${sandbox}/bin; cat >${sandbox}/bin/curl; chmod 755 ${sandbox}/bin/curl; PATH=${sandbox}/bin:$PATH; ${BOOTSTRAP}`,
    ],
    {
      encoding: 'utf8',
      input: fake,
      cwd: sandbox,
      env: {
        PATH: '/usr/bin:/bin',
        MANOR_START: 'http://start/c-17.1?token=s3cret',
        MESOS_TASK_ID: 't1',
        MESOS_SANDBOX: sandbox,
        MARATHON_APP_ID: '/x',
        PORT0: '31001',
        PORTS: '31001',
        HOST: 'agent-1',
      },
    },
  )
  return { status, stdout, stderr, asked: readFileSync(join(sandbox, 'asked'), 'utf8').trim().split('\n'), sandbox }
}

const SHELLS: readonly (readonly string[])[] = [['dash'], ['bash']]
for (const shell of SHELLS)
  describe(`the start in ${shell.join(' ')}`, () => {
    const place = { sandbox: '', ports: { http: 31_001 } }

    test('files, environment, ports and directory are as asked for, and nothing of Mesos is left', () => {
      const text = `it's "quoted" $HOME \`date\` \\ ü\n`
      const sandbox = mkdtempSync(join(directory, 'place-'))
      const script = startScript(
        workload(1, {
          command: ['/bin/sh', '-c', 'env; pwd; echo port {port:http}; echo "[$TEXT]"; cat {dir}/deep/a {dir}/b; exit 7'],
          environment: { TEXT: text.trim(), OWN: '{dir}/x' },
          files: [
            { path: 'deep/a', content: `${text}{dir}`, mode: 0o600 },
            { path: 'b', content: Buffer.from([0x68, 0x69, 0x00, 0xff]).toString('base64'), encoding: 'base64', mode: 0o755 },
          ],
        }),
        { ...place, sandbox },
        't1',
      )
      const { status, stdout, stderr, asked } = runTask(script, shell)
      assert.equal(status, 7, stderr)
      assert.match(stdout, /^manor: start of t1$/m)
      assert.match(stdout, /port 31001/)
      assert.ok(stdout.includes(`[${text.trim()}]`), stdout)
      assert.ok(stdout.includes(`OWN=${sandbox}/manor/x`))
      assert.doesNotMatch(stdout, /s3cret|MESOS_|MARATHON_|^PORT|^HOST=/m)
      assert.equal(readFileSync(join(sandbox, 'manor/deep/a'), 'utf8'), `${text}${sandbox}/manor`)
      assert.deepEqual([...readFileSync(join(sandbox, 'manor/b'))], [0x68, 0x69, 0x00, 0xff])
      assert.equal(statSync(join(sandbox, 'manor/deep/a')).mode & 0o777, 0o600)
      assert.match(asked[0] ?? '', /^url = "http:\/\/start\/c-17\.1\?token=s3cret&task=t1&host=agent-1&ports=31001&dir=\/.+"$/)
      assert.match(asked.at(-1) ?? '', /&ended=7"$/)
    })

    test('a script that was cut runs nothing', () => {
      const script = startScript(
        workload(1, { command: ['/bin/sh', '-c', 'echo ran'] }),
        { ...place, sandbox: mkdtempSync(join(directory, 'cut-')) },
        't1',
      )
      for (const share of [0.2, 0.5, 0.9]) {
        const { stdout, status } = runTask(script.slice(0, Math.floor(script.length * share)), shell)
        assert.doesNotMatch(stdout, /ran/)
        assert.notEqual(status, 0)
      }
    })

    test('a refusal ends the task with a status of its own', () => {
      assert.equal(runTask(`printf '%s\\n' no >&2;exit 78`, shell).status, 78)
    })
  })
