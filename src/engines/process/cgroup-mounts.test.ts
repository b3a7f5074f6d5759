import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findCgroupMounts } from './cgroup-mounts.ts'

const none = (): undefined => undefined

const V2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate'
const V1 = [
  '33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
  '40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd',
].join('\n')

test('version 2: the top comes first, then the own group', () => {
  const { unified, separate } = findCgroupMounts(V2, '0::/system.slice/manor.service', none)
  assert.deepEqual(unified, ['/sys/fs/cgroup', '/sys/fs/cgroup/system.slice/manor.service'])
  assert.equal(separate.size, 0)
})

test('version 1: each controller has its own tree and group', () => {
  const { unified, separate } = findCgroupMounts(V1, '9:memory:/a\n4:cpu,cpuacct:/\n1:name=systemd:/x', none)
  assert.equal(unified, undefined)
  assert.deepEqual(
    [...separate],
    [
      ['cpu', ['/sys/fs/cgroup/cpu,cpuacct']],
      ['memory', ['/sys/fs/cgroup/memory', '/sys/fs/cgroup/memory/a']],
    ],
  )
})

test('in a container the own group is the top of what is mounted', () => {
  const mountinfo = V1.replace('0:32 / ', '0:32 /docker/abc ')
  const { separate } = findCgroupMounts(mountinfo, '9:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc', none)
  assert.deepEqual(separate.get('memory'), ['/sys/fs/cgroup/memory'])
})

test('a limit on the own group is known, and nothing is placed out of its reach', () => {
  const limitOf = (group: string): number | undefined => (group.endsWith('/memory/a') ? 1_000 : undefined)
  const { separate, ownLimitBytes } = findCgroupMounts(V1, '9:memory:/a\n4:cpu,cpuacct:/', limitOf)
  assert.equal(ownLimitBytes, 1_000)
  assert.deepEqual(separate.get('memory'), ['/sys/fs/cgroup/memory/a'])
})
