import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom, VirtualClock } from '../../runtime/index.ts'
import { buildWholeProgram } from '../program.ts'
import { candidatesFor } from './candidates.ts'

const program = await buildWholeProgram({
  stdout: { write: () => true },
  stderr: { write: () => true },
  stdin: (async function* () {})(),
  env: {},
  clock: new VirtualClock(),
  random: seededRandom(1),
  signal: new AbortController().signal,
})

const CASES: readonly (readonly [line: string, expected: string | readonly string[]])[] = [
  ['controller st', ['create', 'start', 'stop']],
  ['queue ', ['list']],
  ['controller show ', 'controller'],
  ['controller --home /x show ', 'controller'],
  ['controller show team-a ', []],
  ['agent explain ', 'item'],
  ['template apply ', 'files'],
  ['template delete ', 'template'],
  ['token revoke ', 'token'],
  ['controller create x --tenant ', 'tenant'],
  ['tenant quota ', 'tenant'],
  ['tenant weight ', 'tenant'],
  ['controller create x --distribution ', ['hudson', 'jenkins']],
  ['controller create x --war ', 'files'],
  ['controller create x --memory ', []],
  ['--home ', 'directories'],
  ['completion ', ['bash', 'fish', 'zsh']],
  ['controller list --', ['--home', '--json', '--tenant', '--token', '--url']],
  ['controller list --json --', ['--home', '--tenant', '--token', '--url']],
]
for (const [line, expected] of CASES)
  test(`"${line}" goes on with ${expected}`, () => {
    const words = line.split(' ')
    const found = candidatesFor(program, words.slice(0, -1), words.at(-1) ?? '')
    if (typeof expected === 'string') assert.equal(found.kind === 'names' ? found.of : found.kind, expected)
    else {
      assert.equal(found.kind, 'words')
      const offered = found.kind === 'words' ? found.words.map(({ word }) => word) : []
      if (expected.length < 2) assert.deepEqual(offered, expected)
      else
        assert.deepEqual(
          expected.filter(word => !offered.includes(word)),
          [],
        )
      if (line.includes('--json')) assert.ok(!offered.includes('--json'), 'what is given already is not offered again')
    }
  })

test('every command has a summary and its help has examples', () => {
  const walk = (command: typeof program): (typeof program)[] => [command, ...command.commands.flatMap(child => walk(child))]
  for (const command of walk(program).filter(child => child.name() !== 'help' && child !== program)) {
    assert.ok(command.summary(), `${command.name()} has a summary`)
    assert.ok(command.description().endsWith('.'), `${command.name()} is described in a sentence`)
    let help = ''
    command.configureOutput({ writeOut: text => (help += text) }).outputHelp()
    assert.match(help, /Examples:/, `${command.name()} has examples`)
  }
})

test('every command that answers something can answer as JSON', () => {
  const leaves = (command: typeof program): (typeof program)[] =>
    command.commands.length === 0 ? [command] : command.commands.flatMap(child => leaves(child))
  const without = leaves(program).filter(command => !command.options.some(({ long }) => long === '--json'))
  assert.deepEqual(
    without.map(command => command.name()).filter(name => !['completion', 'up', 'down', 'help'].includes(name)),
    [],
  )
})
