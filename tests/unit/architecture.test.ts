/**
 * Holds the source to the house rules that a compiler does not check: which room may import which (imports point inward, through a room's
 * door), no time or chance but through a Clock and a Random, and words that have one meaning.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'
import { COMMANDS } from '../../src/cli/commands/registry.ts'

const root = join(import.meta.dirname, '../..')
const source = join(root, 'src')

/** What each room may import; a room that is not here may not exist. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  scheduler: ['model'],
  runtime: [],
  store: ['model', 'runtime'],
  engines: ['model', 'runtime'],
  controllers: ['model', 'runtime', 'store', 'engines'],
  volumes: ['model', 'runtime', 'controllers'],
  images: ['runtime', 'controllers'],
  config: [],
  agents: ['model', 'runtime', 'store', 'engines', 'scheduler', 'controllers'],
  hosts: ['model', 'runtime', 'store', 'engines', 'controllers', 'agents'],
  tenants: ['model', 'store', 'controllers'],
  identity: ['model', 'runtime', 'store', 'controllers'],
  router: ['model', 'runtime', 'store', 'controllers'],
  api: ['model', 'runtime', 'store', 'engines', 'controllers', 'agents', 'hosts', 'tenants', 'identity'],
  'control-plane': [
    'model',
    'runtime',
    'store',
    'engines',
    'scheduler',
    'controllers',
    'volumes',
    'images',
    'config',
    'agents',
    'hosts',
    'identity',
    'router',
    'api',
  ],
  cli: ['model', 'runtime', 'store', 'engines', 'controllers', 'images', 'config', 'api', 'identity', 'control-plane'],
}

/** Files that other rooms may import beside a room's index.ts: contracts that stand for themselves. */
const DOORS: readonly string[] = [
  'engines/engine.ts',
  'engines/observer.ts',
  'agents/protocol.ts',
  'agents/hook-service.ts',
  'api/contract.ts',
]

/** Rooms that may touch the system's clock and chance (design rule 7). */
const MAY_TOUCH_TIME: readonly string[] = ['runtime', 'cli', 'api']
const TIME_AND_CHANCE =
  /\b(Date\.now|new Date\(\)|setTimeout|setInterval|setImmediate|Math\.random|performance\.now|randomUUID|randomBytes)\b/

/** Rooms that import nothing from outside the project: no I/O can happen there. */
const PURE: readonly string[] = ['model', 'scheduler']

const files = globSync('**/*.ts', { cwd: source }).map(normalize).toSorted()
const isTest = (file: string): boolean => file.endsWith('.test.ts')
const roomOf = (file: string): string => file.split('/')[0] ?? ''
const textOf = (file: string): string => readFileSync(join(source, file), 'utf8')
const importsOf = (file: string): string[] =>
  [...codeOf(file).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, specifier = '']) => specifier)

/** Code without comments, so that a sentence about setTimeout is no use of it. */
const codeOf = (file: string): string =>
  textOf(file)
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/(^|\s)\/\/.*$/gm, '')

const problemsOf = (file: string): string[] => {
  const room = roomOf(file)
  const allowed = MAY_IMPORT[room]
  if (allowed === undefined) return [`${file}: the room ${room} is not in the list of rooms`]
  return importsOf(file).flatMap(specifier => {
    if (!specifier.startsWith('.'))
      return PURE.includes(room) ? [`${file} imports ${specifier}: a pure room imports nothing from outside`] : []
    const target = relative(source, join(source, dirname(file), specifier))
    const targetRoom = roomOf(target)
    if (targetRoom === room || target.startsWith('..')) return []
    if (!allowed.includes(targetRoom)) return [`${file} imports ${target}: ${room} may not import ${targetRoom}`]
    return target === `${targetRoom}/index.ts` || DOORS.includes(target) ? [] : [`${file} imports ${target}: use ${targetRoom}/index.ts`]
  })
}

test('every room is known and imports only inward, through doors', () => {
  assert.deepEqual(files.filter(file => !isTest(file)).flatMap(problemsOf), [])
})

test('no time and no chance but through a Clock and a Random', () => {
  const wrong = files
    .filter(file => !isTest(file) && !MAY_TOUCH_TIME.includes(roomOf(file)))
    .flatMap(file => {
      const found = TIME_AND_CHANCE.exec(codeOf(file))
      return found ? [`${file} uses ${found[1]}`] : []
    })
  assert.deepEqual(wrong, [])
})

test('every room says in its door what it is', () => {
  const rooms = [...new Set(files.map(roomOf))].filter(room => room !== 'cli')
  assert.deepEqual(
    rooms.filter(room => !files.includes(`${room}/index.ts`) || !textOf(`${room}/index.ts`).startsWith('/**')),
    [],
  )
})

test('tests never wait for a fixed time', () => {
  const tests = globSync(['src/**/*.test.ts', 'tests/**/*.ts'], { cwd: root })
  const sleeping = /await (new Promise\(\w+ => setTimeout\(\w+, \d{3,}\)|setTimeout\(\d{3,})/
  assert.deepEqual(
    tests.filter(file => sleeping.test(readFileSync(join(root, file), 'utf8'))),
    [],
  )
})

test('one idea, one word: what we call a controller and an agent has no other name', () => {
  // Only Jenkins' and Hudson's own identifiers may say otherwise.
  const theirs =
    /\S*(slave\.jar|slave-agent|JnlpSlave|DumbSlave|[Ss]laveAgent|jenkins\.slaves|hudson\.slaves|ssh-slaves|SlaveComputer|master\.?[kK]ey)\S*/g
  const wrong = files
    .filter(file => !isTest(file))
    .flatMap(file => {
      const found = /\b\w*(master|slave)\w*/i.exec(codeOf(file).replaceAll(theirs, ''))
      return found ? [`${file} says ${found[0]}`] : []
    })
  assert.deepEqual(wrong, [])
})

test('a command that somebody is told to type begins with ./manor', () => {
  // Names of who did it in events and in images are no commands; a line that ends after one is such a name.
  const bare = new RegExp(`(?<![./\\w-])manor (${COMMANDS.map(({ name }) => name).join('|')})\\b(?!',?$|' })`, 'm')
  const wrong = files
    .filter(file => !isTest(file))
    .flatMap(file => {
      const found = bare.exec(codeOf(file).replaceAll(/created_by: '[^']*'/g, ''))
      return found ? [`${file} says ${found[0]}`] : []
    })
  assert.deepEqual(wrong, [])
})
