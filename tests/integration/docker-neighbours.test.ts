/**
 * A controller that misbehaves beside one that serves, on a real daemon through the real engine: it eats memory, forks, spins or fills the
 * daemon's disk to the last byte, and its neighbour's page stays as fast as it was.
 */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { containerName } from '../../src/engines/docker/labels.ts'
import { BYTES_PER_MEBIBYTE, tenantId, type WorkloadId } from '../../src/model/index.ts'
import { type DockerBench, dockerBench, FOREVER } from '../support/docker-bench.ts'
import { type DockerHarness, dockerHarness } from '../support/docker-engine.ts'
import { dockerCall } from '../support/swarm-call.ts'
import { waitFor } from '../support/wait.ts'

/** What a page costs that a real controller makes, some hundredths of a second: one that costs nothing would only measure our own client. */
const PAGE = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
awk 'BEGIN { for (i = 0; i < 60000; i++) sum += i; print "signed in", sum }'
`
const SERVE = 'mkdir -p {dir}/www/cgi-bin; cp {dir}/login {dir}/www/cgi-bin/login; echo started; exec httpd -f -p {port:http} -h {dir}/www'
/** Quiet and disturbed blocks of this many requests follow each other, so that what else the machine does hits both. */
const REQUESTS = 16
const BLOCKS = 3
const MOST_SLOWER = 2
/** The daemon's whole disk. The test fills it, so it is one of its own. */
const DISK_MB = 256

let disk: string
let harness: DockerHarness
let bench: DockerBench
let client: WorkloadId
let port: number | undefined
before(async () => {
  disk = await mkdtemp(join(tmpdir(), 'manor-disk-'))
  const file = join(disk, 'image')
  execFileSync('truncate', ['-s', `${DISK_MB}M`, file])
  execFileSync('mkfs.ext4', ['-q', '-m', '0', file])
  execFileSync('mkdir', [join(disk, 'data')])
  execFileSync('mount', ['-o', 'loop', file, join(disk, 'data')])
  harness = await dockerHarness({}, { args: ['--data-root', join(disk, 'data')] })
  bench = dockerBench(harness)
  const neighbour = await bench.submit(
    bench.workload(SERVE, {
      labels: { owner: harness.owner, kind: 'controller', noun: 'neighbour', epoch: 1 },
      files: [{ path: 'login', content: PAGE, mode: 0o755 }],
      ports: { http: 0 },
      resources: { cpu: 1, memoryMb: 64, diskMb: 0 },
    }),
  )
  await bench.said(neighbour, 'started')
  const { ports } = await bench.until(neighbour, 'running')
  await goBeforeOthers(neighbour)
  port = ports.http
  client = await bench.submit(bench.workload(FOREVER))
  await bench.said(client, 'started')
})
after(async () => {
  await harness?.dispose()
  execFileSync('umount', [join(disk, 'data')])
  await rm(disk, { recursive: true, force: true })
})

/** What else the machine does would make a difference of its own: containers together go before it while the test runs. */
const goBeforeOthers = async (id: WorkloadId): Promise<void> => {
  const { State: state } = await dockerCall(harness.daemon.socket, 'GET', `/containers/${containerName(harness.owner, id)}/json`)
  for (const line of readFileSync(`/proc/${state.Pid}/cgroup`, 'utf8').trim().split('\n')) {
    const [, controllers = '', path = ''] = line.split(':')
    const group = join('/sys/fs/cgroup', controllers, dirname(path))
    if (controllers === 'cpu') writeFileSync(join(group, 'cpu.shares'), String(4 * availableParallelism() * 1_024))
    if (controllers === '' && existsSync(join(group, 'cpu.weight'))) writeFileSync(join(group, 'cpu.weight'), '400')
  }
}

/**
 * Times in milliseconds, as somebody of its tenant sees them. From a container of its own, so that what is compared is containers alone, and
 * not how our test fares beside them.
 */
const ask = async (count: number): Promise<readonly number[]> => {
  const script = `for i in $(seq ${count}); do
    begun=$EPOCHREALTIME
    exec 3<>/dev/tcp/neighbour/${port}
    printf 'GET /cgi-bin/login HTTP/1.0\\r\\n\\r\\n' >&3
    case "$(cat <&3)" in *'signed in'*) ;; *) exit 1 ;; esac
    echo $begun $EPOCHREALTIME
  done`
  const words = ['--host', `unix://${harness.daemon.socket}`, 'exec', containerName(harness.owner, client), 'bash', '-c', script]
  const { stdout } = await promisify(execFile)('docker', words, { timeout: 60_000 })
  const times = stdout.trim().split('\n')
  assert.equal(times.length, count)
  return times.map(line => {
    const [begun = Number.NaN, ended = Number.NaN] = line.split(' ').map(Number)
    return (ended - begun) * 1_000
  })
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

let attackers = 0
/** Starts a controller of another tenant that does this. */
const attack = async (script: string): Promise<WorkloadId> => {
  const id = await bench.submit(
    bench.workload(script, {
      labels: { owner: harness.owner, kind: 'controller', noun: `attacker-${++attackers}`, epoch: 1 },
      tenant: tenantId('other'),
      account: 'controller/other',
      resources: { cpu: 1, memoryMb: 64, diskMb: 0 },
    }),
  )
  await bench.said(id, 'begun')
  return id
}

type Stats = {
  readonly memory_stats: { readonly usage: number }
  readonly pids_stats: { readonly current: number }
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } }
}
/** What was seen last, for whoever looks at a failure. */
let seen: Stats | undefined
const statsOf = async (id: WorkloadId): Promise<Stats> => {
  const stats: Stats = await dockerCall(
    harness.daemon.socket,
    'GET',
    `/containers/${containerName(harness.owner, id)}/stats?stream=false&one-shot=true`,
  )
  seen = stats
  return stats
}

const logsOf = (id: WorkloadId): Promise<string> => harness.engine.logs(id, 4_096, new AbortController().signal)

/** What it does, and how one sees from outside that it does it to the full. */
const attacks: readonly (readonly [what: string, script: string, bites: (id: WorkloadId) => Promise<boolean> | boolean])[] = [
  [
    'eats memory',
    'echo begun; while :; do tail /dev/zero; done',
    async id => (await statsOf(id)).memory_stats.usage > 48 * BYTES_PER_MEBIBYTE,
  ],
  [
    'forks',
    `echo begun; for i in 1 2 3 4 5 6 7 8; do awk 'BEGIN { for (;;) { for (i = 0; i < 25; i++) system("true"); print "forking"; fflush() } }' & done; wait`,
    // As many as there are that fork have done so for a while: they and their children live too short to be counted.
    async id => (await logsOf(id)).split('forking').length > 8,
  ],
  [
    'spins',
    'for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done; echo begun; wait',
    async id => (await statsOf(id)).cpu_stats.cpu_usage.total_usage > 2e8,
  ],
  [
    'fills its disk',
    'echo begun; while :; do dd if=/dev/zero of={dir}/all bs=1M; dd if=/dev/zero of={dir}/rest bs=4k; sync; done 2>/dev/null',
    () => /^\s*[0-2]$/m.test(execFileSync('df', ['--output=avail', '-m', join(disk, 'data')]).toString()),
  ],
]

for (const [what, script, bites] of attacks)
  test(`a controller that ${what} makes its neighbour's page at most twice as slow`, async context => {
    const quiet: number[] = []
    const disturbed: number[] = []
    for (let block = 0; block < BLOCKS; block++) {
      quiet.push(...(await ask(REQUESTS)))
      let attacker = await attack(script)
      // On a busy machine what has ended is cleared away late, and its memory with it: a limit may end one that forks before it was seen to.
      const bitesOrComesBack = async (): Promise<boolean> => {
        if ((await bench.observe(attacker))?.state === 'ended') attacker = await attack(script)
        return bites(attacker)
      }
      try {
        await waitFor(bitesOrComesBack, { what: `it ${what}`, seen: () => seen })
        disturbed.push(...(await ask(REQUESTS)))
      } finally {
        await bench.stop(attacker)
        await bench.until(attacker, 'ended')
        await harness.engine.remove(attacker, new AbortController().signal)
      }
    }
    const told = `${median(disturbed).toFixed(1)} ms beside it, ${median(quiet).toFixed(1)} ms without`
    context.diagnostic(told)
    assert.ok(median(disturbed) <= MOST_SLOWER * median(quiet), told)
  })

test('what cannot be enforced is said by the host: a container may fill the disk', async () => {
  const [host] = await harness.engine.hosts(new AbortController().signal)
  assert.match(host?.limits.reason ?? '', /disk/)
})
