/**
 * Holds the documents to the word: links and paths that they name are there, command lines are ones that the real command tree takes, and the
 * variables and reason codes are those of the source.
 */
import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { type Command, CommanderError } from 'commander'
import { Value } from 'typebox/value'
import { TemplateBody } from '../../src/api/contract.ts'
import type { CliContext } from '../../src/cli/context.ts'
import { buildWholeProgram } from '../../src/cli/program.ts'
import { readTemplates } from '../../src/cli/template-file.ts'
import { ENGINE_KINDS, parseConfig } from '../../src/config/index.ts'
import { CONTROL_REASONS, WORKLOAD_REASONS } from '../../src/model/index.ts'
import { seededRandom, VirtualClock } from '../../src/runtime/index.ts'

const root = join(import.meta.dirname, '../..')
const documents = globSync(['*.md', 'docs/**/*.md', 'console/*.md', 'tests/*.md'], { cwd: root }).toSorted()
const textOf = (document: string): string => readFileSync(join(root, document), 'utf8')

/** Lines are wrapped at about 140; a link or a span of code that cannot be broken may pass that a little. */
const LONGEST_LINE = 150

const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm
const withoutCode = (text: string): string => text.replaceAll(FENCE, '')
const codeBlocks = (text: string, languages: readonly string[]): string[] =>
  [...text.matchAll(FENCE)].filter(([, language = '']) => languages.includes(language)).map(([, , code = '']) => code)
const inlineCode = (text: string): string[] => [...withoutCode(text).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)

/** A heading's anchor, as the hosts of repositories make it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-')
const anchorsOf = (document: string): string[] =>
  [...withoutCode(textOf(document)).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))

test('every relative link leads to a file, and to a heading where it names one', () => {
  const broken = documents.flatMap(document =>
    [...withoutCode(textOf(document)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
      if (/^[a-z]+:/.test(target)) return []
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? document : relative(root, join(root, dirname(document), path))
      if (!existsSync(join(root, file))) return [`${document}: ${target}`]
      return anchor === undefined || anchorsOf(file).includes(anchor) ? [] : [`${document}: ${target} (no such heading)`]
    }),
  )
  assert.deepEqual(broken, [])
})

test('every path of this repository that stands in code is there', () => {
  const isThere = (path: string, folder: string): boolean =>
    globSync(path, { cwd: root }).length > 0 || globSync(path, { cwd: join(root, folder) }).length > 0
  const missing = documents.flatMap(document =>
    inlineCode(textOf(document))
      .filter(word => isPath(word) && !isThere(word, dirname(document)))
      .map(path => `${document}: ${path}`),
  )
  assert.deepEqual(missing, [])
})

const folders = new Set(readdirSync(root, { withFileTypes: true }).flatMap(entry => (entry.isDirectory() ? [entry.name] : [])))
/** `NAME` stands for a name that the reader chooses. */
const isPath = (word: string): boolean =>
  /^[\w.@-]+\/[\w./@{},*-]*$/.test(word) && folders.has(word.split('/')[0] ?? '') && !/\bNAME\b/.test(word)

test("the architecture's table has the arrows that its test holds", () => {
  const held = [...textOf('tests/unit/architecture.test.ts').matchAll(/^ {2}'?([a-z-]+)'?: \[([^\]]*)\],$/gm)].map(
    ([, room = '', arrows = '']): [string, string[]] => [room, [...arrows.matchAll(/'([^']+)'/g)].map(([, name = '']) => name)],
  )
  const [, table = ''] = /^## Rooms and arrows$([\s\S]*?)^## /m.exec(textOf('ARCHITECTURE.md')) ?? []
  const told = [...table.matchAll(/^\| `([a-z-]+)` \|.*\| ([^|]*) \|$/gm)].map(([, room = '', arrows = '']): [string, string[]] => [
    room,
    [...arrows.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  ])
  assert.ok(held.length > 10)
  assert.deepEqual(new Map(told), new Map(held))
})

test('every command line is one that the command line takes', async () => {
  const refused: string[] = []
  for (const document of documents) {
    const text = textOf(document)
    const whole = codeBlocks(text, ['', 'sh', 'console']).flatMap(code => code.split('\n').flatMap(commandOf))
    const mentioned = inlineCode(text).flatMap(commandOf)
    for (const line of new Set(whole)) refused.push(...(await problemOf(line, [])).map(problem => `${document}: ${line}: ${problem}`))
    // In a sentence a command may be named without its operands, and a noun without a verb.
    const bare = ['commander.missingArgument', 'commander.help']
    for (const line of new Set(mentioned)) refused.push(...(await problemOf(line, bare)).map(problem => `${document}: ${line}: ${problem}`))
  }
  assert.deepEqual(refused, [])
})

/** The words after `./manor` of a line that runs it; what a shell would do with the rest of the line is left out. */
const commandOf = (line: string): string[] => {
  const found = /(?:^|[|;(]|&&)\s*\$?\s*(?:[A-Z_]+=\S+ )*\.\/manor((?: [^|;&<>#)]*)?)/.exec(line)
  return found ? [(found[1] ?? '').trim()] : []
}

const problemOf = async (line: string, forgiven: readonly string[]): Promise<string[]> => {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) => double ?? single ?? bare ?? '')
  const program = await buildWholeProgram(silent)
  doNothing(program)
  try {
    await program.parseAsync(words, { from: 'user' })
    return []
  } catch (cause) {
    const isHelp = cause instanceof CommanderError && (cause.exitCode === 0 || forgiven.includes(cause.code))
    return isHelp || words.length === 0 ? [] : [cause instanceof Error ? cause.message : String(cause)]
  }
}

const doNothing = (command: Command): void => {
  if (command.commands.length === 0) command.action(() => {})
  for (const each of command.commands) doNothing(each)
}

const nowhere = { write: () => true }
const silent: CliContext = {
  stdout: nowhere,
  stderr: nowhere,
  stdin: (async function* () {})(),
  env: {},
  clock: new VirtualClock(),
  random: seededRandom(1),
  signal: new AbortController().signal,
}

test('every template in the guide is one that `template apply` reads and the API takes', async () => {
  const blocks = codeBlocks(textOf('docs/templates.md'), ['yaml'])
  assert.ok(blocks.length > 0)
  for (const block of blocks)
    for (const { name, body } of await readTemplates('docs/templates.md', block)) assert.ok(Value.Check(TemplateBody, body), name)
})

test('every manor.yaml in the guide is one that Manor takes, every field has its place there, and what is said of wrong ones is what it says', () => {
  const guide = textOf('docs/configure.md')
  const blocks = codeBlocks(guide, ['yaml'])
  assert.ok(blocks.length > 3)
  const kinds = blocks.map(block => parseConfig('docs/configure.md', block).engine.kind)
  assert.deepEqual(new Set(kinds), new Set(ENGINE_KINDS.filter(kind => kind !== 'mesos')))
  const fields = [...textOf('src/config/config.ts').matchAll(/\b(\w+): (?:optional|text|Type\.(?!Literal))/g)].map(([, name = '']) => name)
  assert.ok(fields.length > 20)
  assert.deepEqual(
    [...new Set(fields)].filter(name => !guide.includes(`\`${name}\``)),
    [],
  )
  const [, refusals = ''] = /^## What is said when it is wrong$([\s\S]*?)^## /m.exec(guide) ?? []
  const rows = [...refusals.matchAll(/^\| `(.+?)` \| (.+) \|$/gm)]
  assert.ok(rows.length > 3)
  for (const [, source = '', said] of rows) assert.throws(() => parseConfig('manor.yaml', source), { message: `manor.yaml: ${said}` })
})

test('every bench stands in BENCHMARKS.md', () => {
  const benches = globSync('bench/*/bench.ts', { cwd: root }).map(file => basename(dirname(file)))
  const told = [...textOf('BENCHMARKS.md').matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name = '']) => name)
  assert.deepEqual(told.toSorted(), benches.toSorted())
})

test('every environment variable that is named is read somewhere', () => {
  const source = globSync(['{src,scripts,bench,tests,console/src,console/dev}/**/*.{ts,tsx,sh}', 'console/*.ts', 'manor', 'test'], {
    cwd: root,
  })
    .filter(file => !file.endsWith('documents.test.ts'))
    .map(file => readFileSync(join(root, file), 'utf8'))
    .join('\n')
  const unknown = documents.flatMap(document => {
    const named = [...textOf(document).matchAll(/\b(?:MANOR|XDG|JAVA)_[A-Z_]+[A-Z]\b|\b(?:SEED|NO_COLOR)\b/g)].map(([name]) => name)
    return [...new Set(named)].filter(name => !new RegExp(`\\b${name}\\b`).test(source)).map(name => `${document}: ${name}`)
  })
  assert.deepEqual(unknown, [])
})

test('the guide to trouble has a row for each reason code and for no other', () => {
  const rows = [...textOf('docs/troubleshoot.md').matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code = '']) => code)
  assert.deepEqual(rows.toSorted(), [...WORKLOAD_REASONS, ...CONTROL_REASONS].toSorted())
})

test('prose is wrapped, and has one word for one thing', () => {
  const wrong = documents.flatMap(document =>
    withoutCode(textOf(document))
      .split('\n')
      .flatMap((line, index) => {
        const place = `${document}:${index + 1}`
        const isLong = line.length > LONGEST_LINE && !line.startsWith('|')
        const isOther = /\b(master|slave)s?\b/i.test(line)
        return [...(isLong ? [`${place} has ${line.length} characters`] : []), ...(isOther ? [`${place} says ${line}`] : [])]
      }),
  )
  assert.deepEqual(wrong, [])
})
