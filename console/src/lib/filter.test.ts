import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matches, parseFilter } from './filter.ts'

const row = { name: 'payments-api', tenant: 'payments', phase: 'ready', host: undefined }

test('words must all match, a field looks in one place, a minus leaves out', () => {
  const table: readonly (readonly [string, boolean])[] = [
    ['', true],
    ['   ', true],
    ['API', true],
    ['api pay', true],
    ['api search', false],
    ['tenant:pay', true],
    ['tenant:api', false],
    ['-ready', false],
    ['-phase:failed', true],
    ['nowhere:x', false],
    ['-', true],
    ['host:x', false],
  ]
  for (const [filter, expected] of table) assert.equal(matches(parseFilter(filter), row), expected, filter)
})
