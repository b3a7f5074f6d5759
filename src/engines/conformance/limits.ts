import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WorkloadId } from '../../model/index.ts'
import { declared } from './declared.ts'
import type { Bench, EngineCapabilities } from './harness.ts'

/** A program that takes memory until it is killed: tail keeps the whole of a line that never ends. */
const GLUTTON = 'tail /dev/zero'

/** Limits hold and are named where they do; accounts are apart. */
export const limitTests = (bench: () => Bench, capabilities: EngineCapabilities): void => {
  const resources = { cpu: 1, memoryMb: 64, diskMb: 0 }

  test('hosts say whether limits hold, and why not where they do not', async () => {
    const { harness, signal } = bench()
    const hosts = await harness.engine.hosts(signal)
    assert.ok(hosts.length > 0)
    for (const host of hosts) {
      assert.equal(host.limits.memory, capabilities.memoryLimit === true)
      assert.equal(host.limits.cpu, capabilities.cpuWeight === true)
      if (!host.limits.memory || !host.limits.cpu) assert.ok((host.limits.reason ?? '').length > 20)
      assert.ok(host.capacity.cpu > 0 && host.capacity.memoryMb > 0 && host.capacity.diskMb > 0)
      assert.equal(host.engine, harness.engine.name)
    }
  })

  declared(capabilities.memoryLimit, 'a workload that outgrows its memory is killed, and that is its reason', async () => {
    const { workload, submit, ended } = bench()
    const seen = await ended(await submit(workload(`exec ${GLUTTON}`, { resources })))
    assert.equal(seen.reason?.code, 'oom-container')
    assert.match(seen.reason?.message ?? '', /64 MB/)
    assert.ok(seen.reason?.mend)
    assert.ok(seen.peakMemoryMb !== undefined && seen.peakMemoryMb > 32 && seen.peakMemoryMb <= 64)
  })

  declared(capabilities.memoryLimit, 'a child that is killed for memory is named while the workload lives on', async () => {
    const { harness, workload, submit, said, until, ended, signal } = bench()
    const id = await submit(workload(`${GLUTTON}; echo survived; trap 'exit 0' TERM; while :; do sleep 0.1; done`, { resources }))
    await said(id, 'survived')
    const seen = await until(id, 'running with a reason', ({ state, reason }) => state === 'running' && reason !== undefined)
    assert.equal(seen.reason?.code, 'oom-child')
    assert.equal((await harness.engine.explain(id, signal))?.code, 'oom-child')
    await harness.engine.stop(id, 10_000, signal)
    assert.equal((await ended(id)).reason?.code, 'killed-by-us')
  })

  declared(capabilities.memoryLimit, 'a workload that fails after a child was killed for memory says so', async () => {
    const { workload, submit, ended } = bench()
    const seen = await ended(await submit(workload(`${GLUTTON}; exit 5`, { resources })))
    assert.equal(seen.exitCode, 5)
    assert.equal(seen.reason?.code, 'oom-child')
  })

  test('memory in use and its peak are told', async () => {
    const { harness, workload, submit, until, signal } = bench()
    // The last command is the shell's own: before one that is not, some shells let go of all they hold.
    const id = await submit(workload('x=$(head -c 20000000 /dev/zero | tr "\\0" a); echo held; sleep 60; :'))
    const seen = await until(id, 'seen with 20 MB', ({ memoryMb, peakMemoryMb }) => (memoryMb ?? 0) >= 15 && (peakMemoryMb ?? 0) >= 15)
    assert.ok((seen.memoryMb ?? 0) < 128)
    await harness.engine.stop(id, 0, signal)
  })

  declared(capabilities.cpuWeight, 'cores are shared by what was asked for', async () => {
    const { harness, workload, submit, said, signal } = bench()
    // Both on one core, so that they have to share however many there are.
    const count = 'trap \'echo "count $i."; exit 0\' TERM; i=0; echo ready; while :; do i=$((i+1)); done'
    const run = async (cpu: number): Promise<WorkloadId> =>
      submit({ ...workload(''), command: ['taskset', '-c', '0', ...harness.shell(count)], resources: { ...resources, cpu } })
    const ids = await Promise.all([run(4), run(0.25)])
    for (const id of ids) await said(id, 'ready')
    await harness.clock.sleep(1_500)
    for (const id of ids) await harness.engine.stop(id, 10_000, signal)
    const [more = 0, less = 0] = await Promise.all(ids.map(async id => Number(/count (\d+)\./.exec(await said(id, 'count'))?.[1])))
    assert.ok(more > 3 * less, `with 16 times the share it came to ${more}, the other to ${less}`)
  })

  declared(capabilities.leftoversWithoutTrace, 'a leftover that hid itself ends with its workload', async () => {
    const { workload, submit, ended, gone } = bench()
    const id = await submit(workload('env -i setsid sh -c "sleep 300 & sleep 301" >/dev/null 2>&1 & sleep 0.2; exit 0'))
    await ended(id)
    await gone([id])
  })

  declared(capabilities.accountIsolation, 'an account reads, sees and ends nothing of another', async () => {
    const { harness, workload, submit, said, ended, until, signal } = bench()
    const victim = await submit(
      workload('echo "pid $$. in $(readlink /proc/self/ns/pid). dir $PWD."; exec sleep 300', {
        environment: { MARK: 'of account a' },
        files: [{ path: 'secret', content: 'of account a\n', mode: 0o666 }],
        account: 'controller/team-a',
      }),
    )
    const [, number, namespace, dir] = /pid (\d+)\. in (.*)\. dir (.+)\./.exec(await said(victim, 'dir ')) ?? []
    assert.ok(number !== undefined && dir !== undefined)
    const pid = '$pid'
    const attack = [
      // In another namespace the same number is somebody else, the attacker itself perhaps: then there is nobody to aim at.
      `pid=${number}; [ "$(readlink /proc/self/ns/pid)" = "${namespace}" ] || pid=none`,
      'cat /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n" | grep MARK= && echo "broke: found by its mark"',
      `kill -9 ${pid} && echo "broke: killed"`,
      `cat ${dir}/secret && echo "broke: read"`,
      `ls ${dir} && echo "broke: listed"`,
      `ls ${dir}/.. && echo "broke: listed above"`,
      `echo x >>${dir}/secret && echo "broke: wrote"`,
      `cat /proc/${pid}/environ && echo "broke: environment"`,
      `head -c 1 /proc/${pid}/mem && echo "broke: memory"`,
      `ls /proc/${pid}/fd/ && echo "broke: open files"`,
      `ls /proc/${pid}/cwd/ && echo "broke: through /proc"`,
      `cat /proc/${pid}/root${dir}/secret && echo "broke: read through its root"`,
      'echo tried; exit 0',
    ]
    const attacker = await submit(workload(attack.join('\n'), { account: 'agents/team-a' }))
    await ended(attacker)
    assert.doesNotMatch(await said(attacker, 'tried'), /broke|of account a/)
    await until(victim, 'running', ({ state }) => state === 'running')
    await harness.engine.stop(victim, 0, signal)
  })
}
