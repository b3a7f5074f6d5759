/**
 * Runs the tests: types, lint, then files by lane. Unit tests stand beside the source; `tests/` holds what meets real parts.
 * Ends with one line `N passed, N failed` and exit code 0 only where nothing failed and something ran.
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { pathToFileURL } from 'node:url'
import { prepareParts } from './test-parts.ts'

type Lane = { readonly name: string; readonly files: readonly string[]; readonly concurrency: number; readonly timeoutMs: number }

const UNIT_TIMEOUT_MS = 60_000
const INTEGRATION_TIMEOUT_MS = 15 * 60_000

const lanes = (): Lane[] => [
  {
    name: 'unit',
    files: globSync(
      [
        'src/**/*.test.ts',
        'console/**/*.test.ts',
        'scripts/**/*.test.ts',
        'bench/**/*.test.ts',
        'simulator/**/*.test.ts',
        'tests/unit/**/*.test.ts',
      ],
      {
        exclude: ['**/node_modules/**'],
      },
    ),
    concurrency: availableParallelism(),
    timeoutMs: UNIT_TIMEOUT_MS,
  },
  // One file at a time: each has real controllers of its own, and two cores are soon full.
  { name: 'integration', files: globSync('tests/integration/**/*.test.ts'), concurrency: 1, timeoutMs: INTEGRATION_TIMEOUT_MS },
]

const select = (words: readonly string[]): Lane[] => {
  const all = lanes()
  if (words.length === 0) return all
  return all
    .map(lane => ({
      ...lane,
      files: words.includes(lane.name) ? lane.files : lane.files.filter(file => words.some(word => file.includes(word))),
    }))
    .filter(({ files }) => files.length > 0)
}

const check = (name: string, words: readonly string[]): boolean => {
  const started = performance.now()
  const { status, stdout, stderr } = spawnSync('npx', ['--no-install', ...words], { encoding: 'utf8' })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  process.stdout.write(`${status === 0 ? '✔' : '✖'} ${name} (${seconds} s)\n`)
  if (status !== 0) process.stdout.write(`${stdout}${stderr}\n`)
  return status === 0
}

const runLane = (lane: Lane): Promise<{ passed: number; failed: number }> =>
  new Promise((resolve, reject) => {
    const counts = { passed: 0, failed: 0 }
    process.stdout.write(`\n── ${lane.name}: ${lane.files.length} files\n`)
    const stream = run({ files: lane.files.toSorted(), concurrency: lane.concurrency, timeout: lane.timeoutMs })
    stream.on('test:pass', event => {
      if (event.details.type !== 'suite' && event.skip === undefined && event.todo === undefined) counts.passed++
      // In CI nothing may be skipped silently: a skip is a missing part.
      if (event.skip !== undefined && process.env.CI) counts.failed++
    })
    stream.on('test:fail', event => {
      if (event.details.type !== 'suite') counts.failed++
    })
    stream.on('end', () => resolve(counts))
    stream.on('error', reject)
    stream.compose(spec).pipe(process.stdout, { end: false })
  })

/**
 * `--NAME VALUE` anywhere among the words is told to the tests as MANOR_TEST_NAME, for example the address of a cluster that somebody else
 * started.
 */
const readOptions = (args: readonly string[]): { readonly words: string[]; readonly problem?: string } => {
  const words: string[] = []
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? ''
    const [, name] = /^--([a-z][a-z-]*)$/.exec(arg) ?? []
    if (name === undefined) {
      words.push(arg)
      continue
    }
    const value = args[++index]
    if (value === undefined || value.startsWith('--')) return { words, problem: `${arg} needs a value: ${arg} VALUE.` }
    process.env[`MANOR_TEST_${name.toUpperCase().replaceAll('-', '_')}`] = value
  }
  return { words }
}

export const main = async (args: readonly string[]): Promise<number> => {
  const { words, problem } = readOptions(args)
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`)
    return 2
  }
  const selected = select(words)
  if (selected.length === 0) {
    process.stderr.write(
      `No test file's path holds ${words.join(' or ')}. Lanes: ${lanes()
        .map(({ name }) => name)
        .join(', ')}.\n`,
    )
    return 2
  }
  let passed = 0
  let failed = 0
  const named = words.length > 0 && !words.includes('unit')
  if (!named) {
    const checks = [
      check('types', ['tsc', '--noEmit']),
      check('types of the console', ['tsc', '-p', 'console', '--noEmit']),
      check('lint', ['biome', 'check', '--error-on-warnings', '.']),
    ]
    passed += checks.filter(ok => ok).length
    failed += checks.filter(ok => !ok).length
  }
  if (selected.some(({ name }) => name === 'integration')) await prepareParts(line => process.stdout.write(`${line}\n`))
  for (const lane of selected) {
    const counts = await runLane(lane)
    passed += counts.passed
    failed += counts.failed
  }
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
  return failed === 0 && passed > 0 ? 0 : 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main(process.argv.slice(2))
