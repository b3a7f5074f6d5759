import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TenantView } from '../../../src/api/contract.ts'
import { tenantView } from '../../../tests/support/views.ts'
import { amountWords, formatShare, isShown, ownWholeOf, shareSentence, wholeOf } from './tenant-shares.ts'

const NONE = { cpu: 0, memoryMb: 0, diskMb: 0 }
const CAPACITY = { cpu: 100, memoryMb: 1_024, diskMb: 0 }
const tenant = (change: Partial<TenantView> = {}): TenantView =>
  tenantView('red', { usedByAgents: { ...NONE, cpu: 4 }, waiting: { agents: 1, resources: { ...NONE, cpu: 2 } }, ...change })

const WHOLES: readonly (readonly [what: string, tenants: readonly TenantView[], whole: number])[] = [
  ['what one has and wants together', [tenant(), tenant({ usedByAgents: NONE })], 6],
  ['a quota, where it is more', [tenant({ quota: { cpu: 8 } }), tenant()], 8],
  ['a guarantee, where it is more', [tenant({ guarantee: { cpu: 9 } })], 9],
  ['what the hosts have, where a quota is beyond that', [tenant({ quota: { cpu: 500 } })], 100],
  ['all that there is, where nobody has or wants anything', [tenant({ usedByAgents: NONE, waiting: { agents: 0, resources: NONE } })], 100],
  ['all that there is, where there is nobody', [], 100],
]
for (const [what, tenants, whole] of WHOLES)
  test(`a whole bar of the list stands for ${what}`, () => assert.equal(wholeOf(tenants, CAPACITY, 'cpu'), whole))

test('on its own page a bar goes to the quota, or to what the hosts have, and never short of what is used and wanted', () => {
  assert.equal(ownWholeOf(tenant({ quota: { cpu: 8 } }), CAPACITY, 'cpu'), 8)
  assert.equal(ownWholeOf(tenant({ quota: { cpu: 5 } }), CAPACITY, 'cpu'), 6)
  assert.equal(ownWholeOf(tenant(), CAPACITY, 'cpu'), 100)
  assert.equal(ownWholeOf(tenant({ quota: { cpu: 500 } }), CAPACITY, 'cpu'), 100)
  assert.equal(ownWholeOf(tenant({ quota: { cpu: 500 } }), NONE, 'cpu'), 500)
  assert.equal(ownWholeOf(tenant(), NONE, 'cpu'), 6)
})

test('a bar has its words', () => {
  assert.equal(shareSentence(tenant(), 'cpu'), '4 cores used, 2 cores waited for, no cap')
  assert.equal(
    shareSentence(tenant({ waiting: { agents: 0, resources: NONE }, quota: { cpu: 8 }, guarantee: { cpu: 1 } }), 'cpu'),
    '4 cores used, 1 core guaranteed, at most 8 cores',
  )
  assert.equal(amountWords({ memoryMb: 1_024, diskMb: 2_048 }), '1 GB, 2 GB disk')
  assert.equal(amountWords({}), '')
})

test('a share is in percent, small ones with a digit more', () => {
  assert.deepEqual([0, 0.004, 0.02, 0.19, 1].map(formatShare), ['0 %', '0.4 %', '2 %', '19 %', '100 %'])
})

test('disk is shown where it matters', () => {
  assert.equal(isShown(tenant(), 'diskMb'), false)
  assert.equal(isShown(tenant({ quota: { diskMb: 1 } }), 'diskMb'), true)
  assert.equal(isShown(tenant(), 'cpu'), true)
})
