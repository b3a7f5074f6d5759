import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Info, Inspected } from './client/answers.ts'
import { ownVolumes, writeToVolume } from './volume-files.ts'

let volumes: string
before(async () => {
  volumes = await mkdtemp(join(tmpdir(), 'manor-volumes-'))
  await mkdir(join(volumes, 'v/_data'), { recursive: true })
})
after(() => rm(volumes, { recursive: true, force: true }))

const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
const withVolume = (Source: string, Destination = '/manor'): Inspected => ({
  Id: 'x',
  Name: '/x',
  Created: '',
  State: { Status: 'created', Running: false, OOMKilled: false, ExitCode: 0, Error: '', StartedAt: '', FinishedAt: '' },
  Config: { Labels: {} },
  NetworkSettings: { Networks: {} },
  Mounts: [{ Type: 'volume', Source, Destination }],
})

test('directories and files are there with their modes, and written again where a try was cut short', async () => {
  const root = join(volumes, 'v/_data')
  const entries = [
    { path: 'w', mode: 0o700, ...self },
    { path: 'w/secret', mode: 0o600, ...self, content: Buffer.from('first') },
  ]
  assert.equal(await writeToVolume(withVolume(root), volumes, entries), true)
  const again = [entries[0], { ...entries[1], path: 'w/secret', mode: 0o777, ...self, content: Buffer.from('2') }]
  assert.equal(await writeToVolume(withVolume(root), volumes, again as typeof entries), true)
  assert.equal(await readFile(join(root, 'w/secret'), 'utf8'), '2')
  assert.deepEqual([(await stat(join(root, 'w'))).mode & 0o777, (await stat(join(root, 'w/secret'))).mode & 0o777], [0o700, 0o777])
})

test('what is not to be found here, or lies elsewhere, is left to the daemon', async () => {
  const one = [{ path: 'a', mode: 0o600, ...self, content: Buffer.from('') }]
  assert.equal(await writeToVolume(withVolume(join(volumes, 'gone/_data')), volumes, one), false)
  assert.equal(await writeToVolume(withVolume('/etc'), volumes, one), false)
  assert.equal(await writeToVolume(withVolume(join(volumes, 'v/_data'), '/other'), volumes, one), false)
  assert.equal(
    await writeToVolume(withVolume(join(volumes, 'v/_data')), volumes, [{ ...one[0], path: '../../a' } as (typeof one)[0]]),
    false,
  )
})

test('volumes are our own only of a daemon on this machine that maps no users, and for root', () => {
  const info = (SecurityOptions: string[]): Info => ({
    NCPU: 1,
    MemTotal: 1,
    MemoryLimit: true,
    SwapLimit: true,
    CPUShares: true,
    Driver: '',
    KernelVersion: '',
    OSType: 'linux',
    Architecture: '',
    ServerVersion: '',
    DockerRootDir: '/var/lib/docker',
    SecurityOptions,
  })
  assert.equal(ownVolumes(info(['name=seccomp']), true), self.uid === 0 ? '/var/lib/docker/volumes' : undefined)
  assert.equal(ownVolumes(info(['name=seccomp']), false), undefined)
  assert.equal(ownVolumes(info(['name=userns']), true), undefined)
  assert.equal(ownVolumes(info(['name=rootless']), true), undefined)
})
