import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { BEGIN_MARK, bootstrap, MAX_SCRIPT_CHARACTERS, scriptCharacters, startScript } from './start-script.ts'

const NOTHING = { environment: {}, files: [], command: ['true'] }

const run = (workload: Parameters<typeof startScript>[0], sandbox: string): { readonly status: number | null; readonly stdout: string } => {
  const { arguments: words, variables } = bootstrap(startScript(workload))
  const environment = Object.fromEntries(variables.map(({ name, value }) => [name, value]))
  const { status, stdout } = spawnSync('sh', words, {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, MESOS_SANDBOX: sandbox, ...environment },
  })
  return { status, stdout: stdout.slice(stdout.indexOf(BEGIN_MARK) + BEGIN_MARK.length + 1) }
}

const inSandbox = <T>(what: (sandbox: string) => T): T => {
  const sandbox = mkdtempSync(join(tmpdir(), 'manor-script-'))
  try {
    return what(sandbox)
  } finally {
    rmSync(sandbox, { recursive: true })
  }
}

test('words, variables and files arrive byte by byte, with the private directory filled in', () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom("'", '"', '$', '`', '\\', '\n', '{dir}', ' ', '{}', '%', '-'),
      fc.string({ unit: 'grapheme', minLength: 1 }),
    ),
  })
  const clean = text.filter(one => !one.includes('\0'))
  fc.assert(
    fc.property(clean, clean, fc.uint8Array({ maxLength: 50 }), (words, variable, bytes) =>
      inSandbox(sandbox => {
        const filled = (one: string): string => one.replaceAll('{dir}', join(sandbox, 'manor'))
        const { status, stdout } = run(
          {
            command: ['sh', '-c', 'printf "%s|%s" "$1" "$TEXT"; pwd >&2', 'sh', words],
            environment: { TEXT: variable },
            files: [
              { path: 'a/b/text', content: variable, mode: 0o640 },
              { path: 'bytes', content: Buffer.from(bytes).toString('base64'), encoding: 'base64', mode: 0o600 },
            ],
          },
          sandbox,
        )
        assert.equal(status, 0)
        assert.equal(stdout, `${filled(words)}|${filled(variable)}${join(sandbox, 'manor')}\n`)
        assert.equal(readFileSync(join(sandbox, 'manor/a/b/text'), 'utf8'), filled(variable))
        assert.deepEqual(new Uint8Array(readFileSync(join(sandbox, 'manor/bytes'))), bytes)
        assert.equal(statSync(join(sandbox, 'manor/a/b/text')).mode & 0o777, 0o640)
      }),
    ),
    { numRuns: 25 },
  )
})

test('nothing of ours is left in the environment, and a script of many variables is put together', () =>
  inSandbox(sandbox => {
    const big = 'x'.repeat(300_000)
    const { stdout } = run(
      { ...NOTHING, command: ['sh', '-c', 'env | cut -d= -f1 | sort | tr "\\n" " "'], files: [{ path: 'big', content: big, mode: 0o600 }] },
      sandbox,
    )
    assert.equal(stdout, 'MESOS_SANDBOX OLDPWD PATH PWD TMPDIR ')
    assert.equal(readFileSync(join(sandbox, 'manor/big'), 'utf8'), big)
  }))

test('a program that is not there ends with 127, a working directory that is not there with 126', () =>
  inSandbox(sandbox => {
    assert.equal(run({ ...NOTHING, command: ['/no/such/program'] }, sandbox).status, 127)
    assert.equal(run({ ...NOTHING, workingDirectory: '/no/such/directory' }, sandbox).status, 126)
  }))

test('the length of a script is known before it is made', () => {
  const script = startScript({ ...NOTHING, environment: { A: 'ü'.repeat(1_000) } })
  assert.equal(
    scriptCharacters(script),
    bootstrap(script).variables.reduce((sum, { value }) => sum + value.length, 0),
  )
  assert.ok(scriptCharacters(script) < MAX_SCRIPT_CHARACTERS)
})
