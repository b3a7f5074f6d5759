import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandOf, draftProblems, EMPTY_DRAFT, parseMemory, requestOf } from './new-controller.ts'

test('sizes are read as people write them', () => {
  assert.deepEqual(['512', '512m', '1g', '1.5 GB', '2t', 'big', '', '-1g'].map(parseMemory), [
    512,
    512,
    1_024,
    1_536,
    2_097_152,
    undefined,
    undefined,
    undefined,
  ])
})

test('the name is held to the rule of the server, and to be free', () => {
  assert.match(draftProblems({ ...EMPTY_DRAFT, name: 'Team_A' }, new Set()).name ?? '', /not a DNS label/)
  assert.match(draftProblems({ ...EMPTY_DRAFT, name: 'team-a' }, new Set(['team-a'])).name ?? '', /already/)
  assert.deepEqual(draftProblems({ ...EMPTY_DRAFT, name: 'team-a' }, new Set()), {})
})

test('each wrong size says its field and the mend', () => {
  const problems = draftProblems({ ...EMPTY_DRAFT, name: 'a', memory: 'much', disk: '1x', cpu: '0' }, new Set())
  assert.deepEqual(Object.keys(problems), ['memoryMb', 'diskMb', 'cpu'])
  for (const problem of Object.values(problems)) assert.match(problem, /Give/)
})

test('what is empty is left to the server', () => {
  assert.deepEqual(requestOf({ ...EMPTY_DRAFT, name: 'team-a' }), { name: 'team-a', tenant: 'default' })
  assert.deepEqual(requestOf({ ...EMPTY_DRAFT, name: 'team-a', tenant: '', memory: '1g', cpu: '0.5', version: '2.541' }), {
    name: 'team-a',
    memoryMb: 1_024,
    cpu: 0.5,
    version: '2.541',
  })
})

test('the command says the same', () => {
  assert.equal(commandOf(EMPTY_DRAFT), './manor controller create NAME')
  assert.equal(
    commandOf({ ...EMPTY_DRAFT, name: 'team-a', tenant: 'ops', memory: '1.5 GB', distribution: 'hudson' }),
    './manor controller create team-a --tenant ops --memory 1.5GB --distribution hudson',
  )
})
