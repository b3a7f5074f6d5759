import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { type Access, tenantId, type Workload, workloadId } from '../../model/index.ts'
import { EngineError } from '../engine.ts'
import { containerSpec, privateFiles, type SpecInput } from './container-spec.ts'
import { labelsOf, readLabels } from './labels.ts'

const workload: Workload = {
  id: workloadId('team-a.7'),
  labels: { owner: 'o1', kind: 'controller', noun: 'team-a', epoch: 7 },
  tenant: tenantId('red'),
  account: 'controller/team-a',
  command: ['java', '-jar', 'x.war', '--port={port:http}', '--tmp={dir}/tmp'],
  environment: { POLICY: '{dir}/policy.json', PATH: '/opt/bin' },
  files: [
    { path: 'policy.json', content: '{"port":{port:http}}', mode: 0o600 },
    { path: 'a/./b//key', content: 'e2Rpcn0=', encoding: 'base64', mode: 0o400 },
  ],
  mounts: [{ source: '/srv/home', target: '/srv/home', readOnly: false }],
  resources: { cpu: 1.5, memoryMb: 512, diskMb: 0 },
  ports: { http: 8080, agent: 0 },
  graceMs: 1_500,
}
const input: SpecInput = {
  workload,
  image: 'controller:1',
  user: { uid: 1_000, gid: 1_001 },
  ports: { http: 8_080, agent: 20_001 },
  network: 'manor.o1.red',
  publishOn: '127.0.0.1',
  readOnlyRoot: true,
  extraHosts: ['manor.internal:host-gateway'],
}

test("each core of a build has a quarter of the weight of a controller's", () => {
  const sharesOf = (kind: 'agent' | 'controller', cpu: number) =>
    containerSpec({ ...input, workload: { ...workload, labels: { ...workload.labels, kind }, resources: { ...workload.resources, cpu } } })
      .HostConfig
  const rows = [
    ['controller', 1, 1_024],
    ['controller', 0.25, 256],
    ['agent', 1, 256],
    ['agent', 4, 1_024],
    ['agent', 0.001, 2],
  ] as const
  for (const [kind, cpu, shares] of rows) assert.equal((sharesOf(kind, cpu) as { CpuShares: number }).CpuShares, shares, `${kind} ${cpu}`)
})

test('a container is limited, has no privileges, and says whose it is', () => {
  const spec = containerSpec(input)
  assert.deepEqual(spec.Cmd, ['java', '-jar', 'x.war', '--port=8080', '--tmp=/manor/team-a.7/tmp'])
  assert.equal(spec.User, '1000:1001')
  assert.equal(spec.WorkingDir, '/manor/team-a.7')
  assert.equal(spec.StopTimeout, 2)
  assert.deepEqual(spec.HostConfig, {
    Init: true,
    RestartPolicy: { Name: 'no' },
    AutoRemove: false,
    NetworkMode: 'manor.o1.red',
    PortBindings: {
      '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }],
      '20001/tcp': [{ HostIp: '127.0.0.1', HostPort: '20001' }],
    },
    ExtraHosts: ['manor.internal:host-gateway'],
    Memory: 536_870_912,
    MemorySwap: 536_870_912,
    CpuShares: 1_536,
    PidsLimit: 4_096,
    OomScoreAdj: 300,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    Privileged: false,
    ReadonlyRootfs: true,
    Ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }],
    Tmpfs: { '/tmp': 'rw,nosuid,nodev,exec,mode=1777,size=134217728' },
    Mounts: [
      { Type: 'volume', Target: '/manor', VolumeOptions: { NoCopy: true } },
      { Type: 'bind', Source: '/srv/home', Target: '/srv/home', ReadOnly: false, BindOptions: { Propagation: 'rprivate' } },
    ],
    LogConfig: { Type: 'json-file', Config: { 'max-size': '8m', 'max-file': '2' } },
  })
})

const hostConfigOf = (access: Access): Record<string, unknown> =>
  Object(containerSpec({ ...input, workload: { ...workload, access } }).HostConfig)

test('what was allowed is given, and nothing beside it', () => {
  const plain = hostConfigOf({})
  const given = (access: Access) => {
    const all = hostConfigOf(access)
    return Object.fromEntries(
      [...new Set([...Object.keys(plain), ...Object.keys(all)])]
        .filter(key => !isDeepStrictEqual(all[key], plain[key]))
        .map(key => [key, all[key]]),
    )
  }
  assert.deepEqual(given({ capabilities: ['NET_ADMIN'] }), { CapAdd: ['NET_ADMIN'], SecurityOpt: undefined })
  assert.deepEqual(given({ privileged: true }), { Privileged: true, CapDrop: undefined, SecurityOpt: undefined })
  assert.deepEqual(given({ hostNetwork: true }), { NetworkMode: 'host', PortBindings: undefined })
  const [volume, home, ...rest] = Object(given({ hostPaths: [{ path: '/srv/a' }, { path: '/srv/b', writable: true }] })).Mounts
  assert.deepEqual([volume, home], plain.Mounts)
  const bind = (at: string, readOnly: boolean) => ({
    Type: 'bind',
    Source: at,
    Target: at,
    ReadOnly: readOnly,
    BindOptions: { Propagation: 'rprivate' },
  })
  assert.deepEqual(rest, [bind('/srv/a', true), bind('/srv/b', false)])
})

test("a container on its host's network has none of its own", () => {
  const spec = containerSpec({ ...input, workload: { ...workload, access: { hostNetwork: true } } })
  assert.ok(!('NetworkingConfig' in spec || 'ExposedPorts' in spec))
  assert.equal(spec.User, '1000:1001')
})

test('a ceiling of cores is set only where one was asked for', () => {
  assert.ok(!('NanoCpus' in Object(containerSpec(input).HostConfig)))
  assert.equal(Object(containerSpec({ ...input, cpuCeiling: 2.5 }).HostConfig).NanoCpus, 2_500_000_000)
})

test("the environment has the workload's words last, and nothing of Manor's", () => {
  assert.deepEqual(containerSpec(input).Env, [
    'HOME=/manor/team-a.7',
    'TMPDIR=/manor/team-a.7/tmp',
    'LANG=C.UTF-8',
    'MANOR_WORKLOAD=team-a.7',
    'POLICY=/manor/team-a.7/policy.json',
    'PATH=/opt/bin',
  ])
})

test('files come with their directories, for the workload alone, and bytes are not filled in', () => {
  const files = privateFiles(workload, input.ports, input.user)
  assert.deepEqual(
    files.map(({ path, mode, uid, gid, content }) => [
      path,
      mode,
      uid,
      gid,
      content === undefined ? undefined : Buffer.from(content).toString(),
    ]),
    [
      ['team-a.7', 0o700, 1_000, 1_001, undefined],
      ['team-a.7/tmp', 0o700, 1_000, 1_001, undefined],
      ['team-a.7/a', 0o700, 1_000, 1_001, undefined],
      ['team-a.7/a/b', 0o700, 1_000, 1_001, undefined],
      ['team-a.7/policy.json', 0o600, 1_000, 1_001, '{"port":8080}'],
      ['team-a.7/a/b/key', 0o400, 1_000, 1_001, '{dir}'],
    ],
  )
})

test('a placeholder for a port that is not declared is refused', () => {
  const wrong = { ...workload, command: ['x', '{port:ssh}'] }
  assert.throws(() => containerSpec({ ...input, workload: wrong }), EngineError)
})

test('labels tell all that an observation needs, whatever ports are called', () => {
  const ports = { 'a=b&c': 1, http: 8_080 }
  assert.deepEqual(readLabels(labelsOf(workload, ports)), {
    id: workload.id,
    labels: workload.labels,
    tenant: 'red',
    ports,
    memoryMb: 512,
    program: 'java',
  })
  assert.equal(readLabels({ 'com.example': 'theirs' }), undefined)
  assert.equal(readLabels(null), undefined)
})
