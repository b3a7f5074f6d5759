import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, parseConfig } from './config.ts'

test('an empty file is the embedded default', () => {
  assert.deepEqual(parseConfig('manor.yaml', ''), { engine: { kind: 'process' }, agentLeaseMs: 7_200_000, workloads: undefined })
})

test('how long agents go on without Manor is a length of time, or for ever', () => {
  for (const [lease, ms] of [
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['1d', 86_400_000],
    ['none', undefined],
  ] as const)
    assert.equal(parseConfig('manor.yaml', `agents: { lease: ${lease} }`).agentLeaseMs, ms)
})

test('a kind alone is an engine', () => {
  assert.deepEqual(parseConfig('manor.yaml', 'engine: docker').engine, { kind: 'docker' })
})

test('daemons are hosts with what an operator says of them', () => {
  const { engine } = parseConfig(
    'manor.yaml',
    `engine:
  kind: docker
  daemons:
    - { host: build-1, address: 'tcp://10.0.0.1:2376', tls: { ca: a, cert: b, key: c }, role: builds, attributes: { disk: ssd } }
    - { host: here, address: 'unix:///var/run/docker.sock' }
workloads: { listen: { host: 10.0.0.9, port: 7071 } }`,
  )
  assert.equal(engine.kind === 'docker' && engine.daemons?.[0]?.attributes?.disk, 'ssd')
  assert.equal(engine.kind === 'docker' && engine.daemons?.length, 2)
})

test('what is pulled, and when, is said outright', () => {
  const { engine } = parseConfig('manor.yaml', 'engine: { kind: docker, pullPolicy: always, prePull: true }')
  assert.deepEqual(engine, { kind: 'docker', pullPolicy: 'always', prePull: true })
  assert.throws(
    () => parseConfig('manor.yaml', 'engine: { kind: docker, pullPolicy: sometimes }'),
    /engine\.pullPolicy is "sometimes": give missing, always or never/,
  )
})

test('a double needs no addresses', () => {
  for (const kind of ['mesos', 'marathon'])
    assert.equal(parseConfig('manor.yaml', `engine: { kind: ${kind}, double: true }`).engine.kind, kind)
})

const refused: readonly (readonly [what: string, source: string, says: RegExp])[] = [
  ['no YAML', 'engine: [', /manor\.yaml is no YAML/],
  ['a list', '- docker', /the file is \["docker"\]: give an object with engine, agents and workloads/],
  ['a lease without a unit', 'agents: { lease: 30 }', /agents\.lease is 30: give a length of time such as 90s, 30m, 2h or 1d, or none\./],
  ['a lease that is no time', 'agents: { lease: soon }', /agents\.lease is "soon": give a length of time such as 90s/],
  ['a lease shorter than a restart', 'agents: { lease: 5s }', /agents\.lease is "5s": give at least 10s, or none\./],
  ['an unknown engine', 'engine: dokcer', /engine\.kind is "dokcer": give one of process, docker, swarm, mesos, marathon\./],
  ['an engine without a kind', 'engine: { daemons: [] }', /engine\.kind is missing: give one of/],
  ['an unknown field', 'engine: { kind: docker, daemon: [] }', /there is no field engine\.daemon\. There are: kind, daemons/],
  ['an unknown field at the top', 'motor: docker', /there is no field motor\. There are: engine, agents, workloads/],
  [
    'an address without a scheme',
    'engine: { kind: docker, daemons: [{ host: a, address: here }] }',
    /engine\.daemons\.0\.address is "here": give an address as in DOCKER_HOST/,
  ],
  [
    'a host that is no name',
    'engine: { kind: docker, daemons: [{ host: A_B, address: "unix:///x" }] }',
    /engine\.daemons\.0\.host is "A_B": give a DNS label/,
  ],
  ['no daemons', 'engine: { kind: docker, daemons: [] }', /engine\.daemons is \[\]: give a list of at least one daemon/],
  [
    'a daemon without an address',
    'engine: { kind: docker, daemons: [{ host: a }] }',
    /engine\.daemons\.0\.address is missing: give an address as in DOCKER_HOST/,
  ],
  ['a Mesos without its leaders', 'engine: mesos', /engine\.leaders is missing: give a list of addresses/],
  ['a double of what has none', 'engine: { kind: docker, double: true }', /there is no field engine\.(double|leaders)/],
  ['a port out of range', 'workloads: { listen: { host: a, port: 70000 } }', /workloads\.listen\.port is 70000: give a number from 0/],
]
for (const [what, source, says] of refused)
  test(`${what} is refused with the path, the value and what is allowed`, () => {
    assert.throws(
      () => parseConfig('manor.yaml', source),
      cause => cause instanceof ConfigError && says.test(cause.message),
    )
  })
