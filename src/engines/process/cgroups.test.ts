import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findMemoryCounter, openCgroups, ownerSettings, readMemoryUse, settingsOf } from './cgroups.ts'

const resources = { cpu: 1.5, memoryMb: 64, diskMb: 0 }

const TABLE: readonly (readonly ['memory' | 'cpu' | 'pids', 1 | 2, unknown])[] = [
  [
    'memory',
    1,
    [
      ['memory.limit_in_bytes', '67108864'],
      ['memory.memsw.limit_in_bytes', '67108864', 'optional'],
    ],
  ],
  [
    'memory',
    2,
    [
      ['memory.max', '67108864'],
      ['memory.swap.max', '0', 'optional'],
    ],
  ],
  ['cpu', 1, [['cpu.shares', '1536']]],
  ['cpu', 2, [['cpu.weight', '150']]],
  ['pids', 1, [['pids.max', '4096']]],
  ['pids', 2, [['pids.max', '4096']]],
]

for (const [controller, version, settings] of TABLE)
  test(`${controller} in version ${version}`, () => assert.deepEqual(settingsOf(controller, version, resources), settings))

test('weights stay within what the kernel takes, and nothing asked for is nothing set', () => {
  assert.deepEqual(settingsOf('cpu', 1, { ...resources, cpu: 0.0001 }), [['cpu.shares', '2']])
  assert.deepEqual(settingsOf('cpu', 2, { ...resources, cpu: 0.0001 }), [['cpu.weight', '1']])
  assert.deepEqual(settingsOf('cpu', 2, { ...resources, cpu: 1_000 }), [['cpu.weight', '10000']])
  assert.deepEqual(settingsOf('cpu', 2, { ...resources, cpu: 0 }), [])
  assert.deepEqual(settingsOf('memory', 2, { ...resources, memoryMb: 0 }), [])
})

test('all workloads together weigh what the cores of the machine do', () => {
  assert.deepEqual(ownerSettings(1, 1), [['cpu.shares', '1024']])
  assert.deepEqual(ownerSettings(1, 8), [['cpu.shares', '8192']])
  assert.deepEqual(ownerSettings(2, 8), [['cpu.weight', '800']])
  assert.deepEqual(ownerSettings(1, 512), [['cpu.shares', '262144']])
  assert.deepEqual(ownerSettings(2, 512), [['cpu.weight', '10000']])
})

test('where nothing can be written it is said why', () => {
  const opened = openCgroups('owner', { separate: new Map([['memory', ['/proc/no-such-place']]]) })
  assert.ok(!('version' in opened))
  assert.match(opened.reason, /memory control group cannot be written/)
  assert.match(opened.reason, /cpu control group is not mounted/)
})

const FILES: readonly (readonly [version: string, files: Readonly<Record<string, string>>])[] = [
  [
    'version 1',
    {
      'memory.usage_in_bytes': '20971520\n',
      'memory.max_usage_in_bytes': '52428800\n',
      'memory.stat': 'cache 1\ninactive_file 7\ntotal_inactive_file 10485760\n',
      'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
    },
  ],
  [
    'version 2',
    {
      'memory.current': '20971520\n',
      'memory.peak': '52428800\n',
      'memory.stat': 'anon 1\ninactive_file 10485760\n',
      'memory.events': 'low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n',
    },
  ],
]

for (const [version, files] of FILES)
  test(`memory in use is read without what the kernel could drop: ${version}`, () => {
    const group = mkdtempSync(join(tmpdir(), 'manor-cgroup-'))
    try {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(group, name), text)
      const counter = findMemoryCounter(['/no/such/group', group])
      assert.ok(counter)
      assert.deepEqual(readMemoryUse(counter), { memoryMb: 10, peakMemoryMb: 50, oomKills: 2 })
    } finally {
      rmSync(group, { recursive: true })
    }
    assert.equal(findMemoryCounter([group]), undefined)
  })
