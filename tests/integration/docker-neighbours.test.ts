/**
 * A controller that misbehaves beside one that serves, on a real daemon through the real engine: it eats memory, forks, spins or fills the
 * daemon's disk to the last byte, and its neighbour's page stays as fast as it was.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { containerName } from '../../src/engines/docker/labels.ts'
import { BYTES_PER_MEBIBYTE, tenantId, type WorkloadId } from '../../src/model/index.ts'
import { type DockerBench, dockerBench, FOREVER } from '../support/docker-bench.ts'
import { type DockerHarness, dockerHarness } from '../support/docker-engine.ts'
import { dockerCall } from '../support/swarm-call.ts'
import { waitFor } from '../support/wait.ts'

/**
 * A page as a real controller makes it: some hundredths of a second of a process that is there already, over a connection that is kept. One that
 * costs nothing would only measure our own client.
 */
const PAGE = '{ for (i = 0; i < 60000; i++) sum += i; print "signed in", sum; fflush() }'
const SERVE = 'mkfifo {dir}/pages; echo started; nc -l -p {port:http} <{dir}/pages | awk -f {dir}/page >{dir}/pages'
/** Quiet and disturbed blocks of this many requests follow each other, so that what else the machine does hits both. */
const REQUESTS = 16
const BLOCKS = 3
const MOST_SLOWER = 2
/** The daemon's whole disk. The test fills it, so it is one of its own. */
const DISK_MB = 256

let disk: string
let harness: DockerHarness
let bench: DockerBench
let visitor: Visitor
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
      files: [{ path: 'page', content: PAGE, mode: 0o644 }],
      ports: { http: 0 },
      resources: { cpu: 1, memoryMb: 64, diskMb: 0 },
    }),
  )
  await bench.said(neighbour, 'started')
  const { ports } = await bench.until(neighbour, 'running')
  await goBeforeOthers(neighbour)
  const client = await bench.submit(bench.workload(FOREVER))
  await bench.said(client, 'started')
  visitor = visit(client, ports.http ?? 0)
})
after(async () => {
  visitor?.child.kill()
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

type Visitor = { readonly child: ChildProcess; readonly lines: AsyncIterator<string> }

/**
 * Somebody of its tenant, who asks for pages over one connection: as many as each line says. In a container of its own, so that what is compared
 * is containers alone, and not how our test fares beside them.
 */
const visit = (client: WorkloadId, port: number): Visitor => {
  const script = `exec 3<>/dev/tcp/neighbour/${port}
  while read -r count; do
    for i in $(seq $count); do
      begun=$EPOCHREALTIME
      echo login >&3
      read -r page <&3
      case "$page" in 'signed in '*) ;; *) exit 1 ;; esac
      echo $begun $EPOCHREALTIME
    done
  done`
  const words = ['--host', `unix://${harness.daemon.socket}`, 'exec', '-i', containerName(harness.owner, client), 'bash', '-c', script]
  const child = spawn('docker', words, { stdio: ['pipe', 'pipe', 'inherit'] })
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}

/** Times in milliseconds. */
const ask = async (count: number): Promise<readonly number[]> => {
  visitor.child.stdin?.write(`${count}\n`)
  const times: number[] = []
  while (times.length < count) {
    const { value: line, done } = await visitor.lines.next()
    assert.ok(!done, 'the neighbour does not answer any more')
    const [begun = Number.NaN, ended = Number.NaN] = line.split(' ').map(Number)
    times.push((ended - begun) * 1_000)
  }
  return times
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

let attackers = 0
/** Starts a workload of another tenant that does this. */
const attack = async ({ script, kind = 'controller', memoryMb = 64 }: Attack): Promise<WorkloadId> => {
  const id = await bench.submit(
    bench.workload(script, {
      labels: { owner: harness.owner, kind, noun: `attacker-${++attackers}`, epoch: 1 },
      tenant: tenantId('other'),
      account: `${kind}/other`,
      resources: { cpu: 1, memoryMb, diskMb: 0 },
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

type Attack = {
  readonly what: string
  readonly kind?: 'controller' | 'agent'
  readonly memoryMb?: number
  readonly script: string
  /** How one sees from outside that it does it to the full. */
  readonly bites: (id: WorkloadId) => Promise<boolean> | boolean
}

/** With the memory that a controller really has, so that no limit ends it soon. */
const forks = (loops: number, memoryMb: number): Pick<Attack, 'memoryMb' | 'script' | 'bites'> => ({
  memoryMb,
  script: `echo begun; for i in $(seq ${loops}); do awk 'BEGIN { for (;;) { for (i = 0; i < 25; i++) system("true"); print "forking"; fflush() } }' & done; wait`,
  // Some have forked for a while, and as many as are to fork are there: their children live too short to be counted.
  bites: async id => (await logsOf(id)).split('forking').length > 8 && (await statsOf(id)).pids_stats.current > loops,
})

const attacks: readonly Attack[] = [
  {
    what: 'controller that eats memory',
    script: 'echo begun; while :; do tail /dev/zero; done',
    bites: async id => (await statsOf(id)).memory_stats.usage > 48 * BYTES_PER_MEBIBYTE,
  },
  { what: 'controller that forks', ...forks(8, 512) },
  { what: 'controller that forks in hundreds of processes', ...forks(200, 1_024) },
  { what: 'build that forks', kind: 'agent', ...forks(8, 512) },
  {
    what: 'controller that spins',
    script: 'for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done; echo begun; wait',
    bites: async id => (await statsOf(id)).cpu_stats.cpu_usage.total_usage > 2e8,
  },
  {
    what: 'controller that fills its disk',
    script: 'echo begun; while :; do dd if=/dev/zero of={dir}/all bs=1M; dd if=/dev/zero of={dir}/rest bs=4k; sync; done 2>/dev/null',
    bites: () => /^\s*[0-2]$/m.test(execFileSync('df', ['--output=avail', '-m', join(disk, 'data')]).toString()),
  },
]

for (const each of attacks)
  test(`a ${each.what} makes its neighbour's page at most twice as slow`, async context => {
    const quiet: number[] = []
    const disturbed: number[] = []
    for (let block = 0; block < BLOCKS; block++) {
      quiet.push(...(await ask(REQUESTS)))
      let attacker = await attack(each)
      // On a busy machine what has ended is cleared away late, and its memory with it: a limit may end one that forks before it was seen to.
      const bitesOrComesBack = async (): Promise<boolean> => {
        if ((await bench.observe(attacker))?.state === 'ended') attacker = await attack(each)
        return each.bites(attacker)
      }
      try {
        await waitFor(bitesOrComesBack, { what: `there is a ${each.what}`, seen: () => seen })
        disturbed.push(...(await ask(REQUESTS)))
      } finally {
        await bench.stop(attacker)
        await bench.until(attacker, 'ended')
        await harness.engine.remove(attacker, new AbortController().signal)
      }
    }
    const told = `${median(disturbed).toFixed(1)} ms beside it (slowest ${Math.max(...disturbed).toFixed(0)}), ${median(quiet).toFixed(1)} ms without`
    context.diagnostic(told)
    assert.ok(median(disturbed) <= MOST_SLOWER * median(quiet), told)
  })

test('what cannot be enforced is said by the host: a container may fill the disk', async () => {
  const [host] = await harness.engine.hosts(new AbortController().signal)
  assert.match(host?.limits.reason ?? '', /disk/)
})
