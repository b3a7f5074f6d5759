import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { candidatesByAge, originOfCandidate, readZooKeeperAddress } from './zookeeper-discovery.ts'

const recorded = readFileSync(join(import.meta.dirname, '../../../tests/fixtures/mesos-1.12/zookeeper.txt'), 'utf8')

test('of what real masters wrote, the lowest number leads and answers where it says', () => {
  const [, list = ''] = /^\[(.+)\]$/m.exec(recorded) ?? []
  assert.deepEqual(candidatesByAge(list.split(', ').toReversed()), ['json.info_0000000000', 'json.info_0000000001'])
  const [data = ''] = /^\{.+\}$/m.exec(recorded) ?? []
  assert.equal(originOfCandidate(data, 'http'), 'http://127.0.0.1:5061')
  assert.equal(originOfCandidate(data, 'https'), 'https://localhost:5061')
})

test('numbers are compared as numbers, go on below zero when they have run over, and other nodes are no candidates', () => {
  const names = ['json.info_2147483647', 'info_0000000001', 'json.info_-2147483648', 'log_replicas', 'json.info_99', 'json.info_0000000100']
  assert.deepEqual(candidatesByAge(names), ['json.info_-2147483648', 'json.info_99', 'json.info_0000000100', 'json.info_2147483647'])
})

for (const [what, data, origin] of [
  ['only the fields of Mesos before 0.24', '{"hostname":"mesos-1","id":"x","ip":16777343,"port":5050}', 'http://mesos-1:5050'],
  ['an address of six', '{"address":{"ip":"fd00::1","port":5050}}', 'http://[fd00::1]:5050'],
  ['no port', '{"address":{"ip":"10.0.0.1"}}', undefined],
  ['the packed number alone', '{"ip":16777343,"port":5050}', undefined],
  ['a list', '[]', undefined],
  ['nothing', 'null', undefined],
  ['no JSON', 'x', undefined],
] as const)
  test(`a candidate that wrote ${what}`, () => assert.equal(originOfCandidate(data, 'http'), origin))

test('an address as Mesos takes it', () => {
  assert.deepEqual(readZooKeeperAddress('zk://manor:se:cret@zk-1:2182,zk-2,[fd00::1]:2181/mesos/'), {
    servers: [
      { host: 'zk-1', port: 2182 },
      { host: 'zk-2', port: 2181 },
      { host: 'fd00::1', port: 2181 },
    ],
    path: '/mesos',
    credentials: 'manor:se:cret',
  })
  for (const wrong of ['http://zk-1:2181/mesos', 'zk://zk-1:2181', 'zk://zk-1:2181/'])
    assert.throws(() => readZooKeeperAddress(wrong), /is no address of ZooKeeper/)
})
