import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { NewTenant, TenantChange } from '../../../src/api/contract.ts'
import { tenantView } from '../../../tests/support/views.ts'
import {
  changeCommandsOf,
  changeOf,
  createCommandOf,
  draftOf,
  EMPTY_TENANT,
  newTenantOf,
  type TenantDraft,
  tenantProblems,
} from './tenant-form.ts'

const draft = (change: Partial<TenantDraft> = {}): TenantDraft => ({ ...EMPTY_TENANT, name: 'red', ...change })
const RED = tenantView('red', {
  weight: 2,
  quota: { cpu: 4, memoryMb: 8_192 },
  guarantee: { memoryMb: 1_000 },
  policy: { preemptible: true },
})

const WRONG: readonly (readonly [Partial<TenantDraft>, field: string, RegExp])[] = [
  [{ name: 'Red' }, 'name', /is not a DNS label/],
  [{ name: 'taken' }, 'name', /already/],
  [{ weight: '0' }, 'weight', /^"0" is no weight/],
  [{ weight: 'much' }, 'weight', /larger than 0/],
  [{ weight: '' }, 'weight', /larger than 0/],
  [{ 'quota.cpu': '-1' }, 'quota.cpu', /no number of cores/],
  [{ 'quota.memoryMb': 'lots' }, 'quota.memoryMb', /no size/],
  [{ 'guarantee.diskMb': '1 lightyear' }, 'guarantee.diskMb', /no size/],
  [{ 'quota.cpu': '2', 'guarantee.cpu': '3' }, 'guarantee.cpu', /above the quota/],
]
for (const [change, field, sentence] of WRONG)
  test(`${JSON.stringify(change)} is refused at ${field}`, () => {
    const problems = tenantProblems(draft(change), new Set(['taken']))
    assert.deepEqual(Object.keys(problems), [field])
    assert.match(problems[field] ?? '', sentence)
  })

test('what is usual is left out of the request, and the command says the same', () => {
  assert.deepEqual([newTenantOf(draft()), createCommandOf(draft())], [{ name: 'red' }, './manor tenant create red'])
  const full = draft({ weight: '0.5', 'quota.cpu': '4', 'quota.memoryMb': '8 g', 'guarantee.memoryMb': '512', preemptible: true })
  const request = newTenantOf(full)
  assert.deepEqual(request, {
    name: 'red',
    weight: 0.5,
    quota: { cpu: 4, memoryMb: 8_192 },
    guarantee: { memoryMb: 512 },
    policy: { preemptible: true },
  })
  assert.ok(Value.Check(NewTenant, request))
  assert.equal(
    createCommandOf(full),
    './manor tenant create red --weight 0.5 --cpu-quota 4 --memory-quota 8g --memory-guarantee 512m --preemptible yes',
  )
})

test('a form that nobody touched changes nothing, whatever the tenant is', () => {
  assert.deepEqual([tenantProblems(draftOf(RED), new Set()), changeOf(draftOf(RED), RED)], [{}, undefined])
  assert.deepEqual([draftOf(RED)['quota.memoryMb'], draftOf(RED)['guarantee.memoryMb']], ['8g', '1000m'])
})

test('only what differs is asked, and what was emptied is taken away', () => {
  const touched = { ...draftOf(RED), weight: '3', 'quota.cpu': '', 'guarantee.cpu': '1', preemptible: false } as const
  const change = changeOf(touched, RED)
  assert.deepEqual(change, { weight: 3, quota: { cpu: null }, guarantee: { cpu: 1 }, policy: null })
  assert.ok(change && Value.Check(TenantChange, change))
  assert.deepEqual(changeCommandsOf('red', change), [
    './manor tenant weight red 3',
    './manor tenant quota red --cpu none',
    './manor tenant guarantee red --cpu 1',
    './manor tenant policy red --preemptible no',
  ])
})
