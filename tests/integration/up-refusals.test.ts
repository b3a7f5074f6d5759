/** What keeps `manor up` from starting is told in one sentence with the mend, exit code 2, and nothing is begun. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Finished, ManorHome, processesOf, runManor } from '../support/manor-process.ts'

const isRefused = (finished: Finished, sentence: RegExp): void => {
  assert.equal(finished.code, 2, finished.stdout + finished.stderr)
  assert.match(finished.stderr, sentence)
  assert.equal(finished.stderr.trim().split('\n').length, 1, 'one line')
}

const withDirectory = async (work: (directory: string) => Promise<void>): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-refused-'))
  try {
    await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

test('a taken port', async () => {
  const holder = createServer()
  await new Promise<void>(resolve => holder.listen(0, '127.0.0.1', resolve))
  const address = holder.address()
  assert.ok(address !== null && typeof address === 'object')
  try {
    await withDirectory(async home => {
      isRefused(await runManor(['up', '--no-sample', '--home', home, '--port', String(address.port)]), /Port \d+ .*taken.*--port/)
      assert.deepEqual(processesOf(home), [])
    })
  } finally {
    holder.close()
  }
})

test('a home that cannot be written', () =>
  withDirectory(async directory => {
    const file = join(directory, 'file')
    await writeFile(file, '')
    isRefused(await runManor(['up', '--no-sample', '--home', join(file, 'home'), '--port', '0']), /cannot be written.*--home/)
  }))

test('a disk without room', t =>
  withDirectory(async directory => {
    const small = join(directory, 'small')
    await mkdir(small)
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'manor-test', small])
    if (mounted.status !== 0) return t.skip('a small file system can only be mounted as root')
    try {
      isRefused(await runManor(['up', '--no-sample', '--home', join(small, 'home'), '--port', '0']), /MB free.*free some space.*--home/)
    } finally {
      spawnSync('umount', [small])
    }
  }))

test('a home in which another Manor runs, in the foreground and detached', async () => {
  await using home = await ManorHome.make()
  await home.up(['--no-sample', '--distribution', 'hudson'])
  isRefused(await home.command('up', '--no-sample', '--port', '0'), /Another Manor is using .*--home/)
  isRefused(await home.command('up', '--no-sample', '--port', '0', '--detach'), /runs already.*--home/)
})

test('a cluster that does not answer', () =>
  withDirectory(async home => {
    await writeFile(join(home, 'manor.yaml'), "engine: { kind: mesos, leaders: ['http://127.0.0.1:9'] }\n")
    const refused = await runManor(['up', '--no-sample', '--home', home, '--port', '0'])
    assert.equal(refused.code, 2, refused.stdout + refused.stderr)
    assert.match(refused.stderr, /error: The engine was asked what runs: No answer .*`engine` \(mesos\) in manor\.yaml.*start Manor again/)
    assert.deepEqual(processesOf(home), [])
  }))

test('options that exclude each other, and values that cannot be', async () => {
  isRefused(await runManor(['up', '--once', '--detach']), /--once and --detach/)
  isRefused(await runManor(['up', '--port', '70000']), /--port.*65535/)
  isRefused(await runManor(['up', '--distribution', 'hudsen']), /jenkins or hudson/)
})

test('detached it returns once it runs, and down ends it', async () => {
  await using home = await ManorHome.make()
  const up = await home.command('up', '--no-sample', '--distribution', 'hudson', '--port', '0', '--detach')
  assert.equal(up.code, 0, up.stderr)
  assert.match(up.stdout, /http:\/\/manor\.localhost:\d+\/sign-in\?token=/)
  const status = await home.command('status', '--json')
  assert.equal(status.code, 0, status.stderr)
  const down = await home.command('down')
  assert.equal(down.code, 0, down.stderr)
  assert.match(down.stdout, /Manor has ended/)
  const after = await home.command('status')
  assert.equal(after.code, 2)
  assert.match(after.stderr, /not running.*manor up/)
  assert.deepEqual(processesOf(home.directory), [])
})
