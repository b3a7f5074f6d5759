/** `./manor` on machines that lack something: without Node, with an old one, without npm, offline. npm is played by a script here. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')
const NODE_VERSION = '24.9.0'
const PLATFORM = `linux-${process.arch}`
/** What the launcher needs of a machine beside Node and npm. */
const TOOLS = ['bash', 'env', 'uname', 'readlink', 'dirname', 'cat', 'cksum', 'mkdir', 'mktemp', 'mv', 'rm']

/** A machine: a directory of its own for programs and one for the cache. */
class Machine implements AsyncDisposable {
  readonly directory: string

  private constructor(directory: string) {
    this.directory = directory
  }

  static async make(): Promise<Machine> {
    const machine = new Machine(await mkdtemp(join(tmpdir(), 'manor-launcher-')))
    await mkdir(machine.bin)
    for (const tool of TOOLS) await symlink(await find(tool), join(machine.bin, tool))
    return machine
  }

  get bin(): string {
    return join(this.directory, 'bin')
  }
  get brought(): string {
    return join(this.directory, 'cache/manor/node')
  }

  program(name: string, script: string): Promise<void> {
    return writeFile(join(this.bin, name), `#!/usr/bin/env bash\n${script}\n`, { mode: 0o755 })
  }

  /** An npm that installs the Node which runs this test, or does as it is told. */
  npm(script = `d="$3/node_modules/node-${PLATFORM}/bin"; mkdir -p "$d" && ln -s '${process.execPath}' "$d/node"`): Promise<void> {
    return this.program('npm', script)
  }

  async run(env: NodeJS.ProcessEnv = {}): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    const child = spawn(join(root, 'manor'), ['version'], {
      env: { PATH: this.bin, HOME: this.directory, XDG_CACHE_HOME: join(this.directory, 'cache'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const code = await new Promise<number | null>(resolve => child.on('close', resolve))
    return { code, stdout, stderr }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true })
  }
}

const find = async (tool: string): Promise<string> => {
  for (const directory of ['/usr/bin', '/bin', ...(process.env.PATH ?? '').split(delimiter)])
    if ((await readdir(directory).catch((): string[] => [])).includes(tool)) return join(directory, tool)
  throw new Error(`${tool} was not found on this machine: install it, the launcher needs it.`)
}

test('a Node that is new enough is used, and npm is not asked', async () => {
  await using machine = await Machine.make()
  await symlink(process.execPath, join(machine.bin, 'node'))
  await machine.npm('echo called >&2; exit 1')
  const { code, stdout, stderr } = await machine.run()
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

test('beside an old Node a new one is brought once, and from then on npm is not asked', async () => {
  await using machine = await Machine.make()
  await machine.program('node', 'echo v20.20.2')
  await symlink(await find('ln'), join(machine.bin, 'ln'))
  await machine.npm()
  const first = await machine.run()
  assert.equal(first.code, 0, first.stderr)
  assert.match(first.stderr, /^manor: bringing Node 24\.9\.0 through npm/)
  assert.deepEqual(await readdir(machine.brought), [`${NODE_VERSION}-${PLATFORM}`])
  await machine.npm('echo called >&2; exit 1')
  const second = await machine.run()
  assert.deepEqual([second.code, second.stderr], [0, ''])
})

test('of those that start at once on a fresh machine one brings Node and the others wait for it', async () => {
  await using machine = await Machine.make()
  for (const tool of ['ln', 'flock']) await symlink(await find(tool), join(machine.bin, tool))
  await machine.npm()
  const runs = await Promise.all([machine.run(), machine.run(), machine.run()])
  for (const { code, stderr } of runs) assert.equal(code, 0, stderr)
  assert.equal(runs.filter(({ stderr }) => stderr.startsWith('manor: bringing Node')).length, 1)
  assert.deepEqual(await readdir(machine.brought), [`${NODE_VERSION}-${PLATFORM}`])
})

test('without flock each brings its own, whatever lay there, and all run', async t => {
  for (const before of ['nothing', 'half'] as const)
    await t.test(before, async () => {
      await using machine = await Machine.make()
      for (const tool of ['ln', 'touch']) await symlink(await find(tool), join(machine.bin, tool))
      if (before === 'half') await mkdir(join(machine.brought, `${NODE_VERSION}-${PLATFORM}`, 'half'), { recursive: true })
      // None goes on before all three are here, so that they put what they brought into its place at the same moment.
      await machine.npm(`here="$3"; touch "${machine.directory}/here.$$"
        until set -- "${machine.directory}"/here.*; [ $# -ge 3 ]; do :; done
        d="$here/node_modules/node-${PLATFORM}/bin"; mkdir -p "$d" && ln -s '${process.execPath}' "$d/node"`)
      const runs = await Promise.all([machine.run(), machine.run(), machine.run()])
      for (const { code, stderr } of runs) assert.equal(code, 0, stderr)
      assert.deepEqual(await readdir(machine.brought), [`${NODE_VERSION}-${PLATFORM}`])
      assert.deepEqual(await readdir(join(machine.brought, `${NODE_VERSION}-${PLATFORM}`)), ['node_modules'])
    })
})

test('a brought Node that is broken is brought anew', async () => {
  await using machine = await Machine.make()
  await symlink(await find('ln'), join(machine.bin, 'ln'))
  await mkdir(join(machine.brought, `${NODE_VERSION}-${PLATFORM}`, 'half'), { recursive: true })
  await machine.npm()
  const { code, stderr } = await machine.run()
  assert.equal(code, 0, stderr)
  assert.deepEqual(await readdir(join(machine.brought, `${NODE_VERSION}-${PLATFORM}`)), ['node_modules'])
})

test('what is missing is said in one sentence with its mend', async t => {
  const cases: readonly (readonly [what: string, prepare: (machine: Machine) => Promise<unknown>, env: NodeJS.ProcessEnv, last: RegExp])[] =
    [
      ['neither Node nor npm', async () => {}, {}, /^manor: neither Node 24 nor npm was found: install Node 24, or npm of any Node >= 18/],
      ['npm fails', machine => machine.npm('echo offline >&2; exit 1'), {}, /^manor: npm could not bring Node/],
      [
        'what npm brought does not run',
        machine => machine.npm('exit 0'),
        {},
        /^manor: the Node that npm brought does not run on this machine/,
      ],
      [
        'the cache cannot be written',
        machine => machine.npm(),
        { XDG_CACHE_HOME: '/proc/nowhere' },
        /^manor: the cache directory .* cannot be written: set XDG_CACHE_HOME/,
      ],
    ]
  for (const [what, prepare, env, last] of cases)
    await t.test(what, async () => {
      await using machine = await Machine.make()
      await prepare(machine)
      const { code, stdout, stderr } = await machine.run(env)
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr.trimEnd().split('\n').at(-1) ?? '', last)
      assert.deepEqual(await readdir(machine.brought).catch((): string[] => []), [], 'nothing half done is left')
    })
})
