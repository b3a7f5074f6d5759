import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hudsonProgram } from '../support/hudson.ts'

const LAUNCHER = fileURLToPath(new URL('../../src/controllers/distributions/hudson-launcher/', import.meta.url))
/** Class files of Java 11, so that every Java that Hudson was tried on loads them. */
const CLASS_FILE_VERSION = 55

/** What a class is without its constant pool's order, which compilers choose: its members and their instructions. */
const disassemble = (directory: string, classes: readonly string[]): string =>
  output('javap', ['-p', '-c', '-cp', directory, ...classes]).replaceAll(/#\d+/g, '#')

const output = (program: string, args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${program} ${args.join(' ')}\n${stderr}`)
  return stdout
}

test('the launcher classes that are checked in are what their sources compile to', async () => {
  const { agentJar } = await hudsonProgram()
  const directory = await mkdtemp(join(tmpdir(), 'manor-launcher-'))
  try {
    const files = await readdir(LAUNCHER, { recursive: true })
    const sources = files.filter(name => name.endsWith('.java')).map(name => join(LAUNCHER, name))
    const classes = files.filter(name => name.endsWith('.class')).toSorted()
    // After a change of the sources, the same command with `-d src/controllers/distributions/hudson-launcher` makes them anew.
    output('javac', ['--release', '11', '-g:none', '-Xlint:all', '-cp', agentJar, '-d', directory, ...sources])
    const compiled = (await readdir(directory, { recursive: true })).filter(name => name.endsWith('.class')).toSorted()
    assert.deepEqual(compiled, classes)
    const names = classes.map(name => name.replace(/\.class$/, '').replaceAll('/', '.'))
    assert.equal(disassemble(directory, names), disassemble(LAUNCHER, names))
    for (const name of classes) {
      const bytes = await readFile(join(LAUNCHER, name))
      assert.deepEqual([bytes.readUInt32BE(0), bytes.readUInt16BE(6)], [0xcafebabe, CLASS_FILE_VERSION], name)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('an agent that is started without its arguments says what it needs', async () => {
  const { program, agentJar } = await hudsonProgram()
  const { status, stderr } = spawnSync(program.java, ['-cp', `${LAUNCHER}:${agentJar}`, 'manor.hudson.Agent'], { encoding: 'utf8' })
  assert.equal(status, 2)
  assert.match(stderr, /Give the controller's URL, the node's name and the path of the file that holds the secret\./)
})

test('the controller is started on a JVM that takes itself for Sun’s', async () => {
  const { program } = await hudsonProgram()
  const directory = await mkdtemp(join(tmpdir(), 'manor-launcher-'))
  try {
    // In place of Hudson's own Main: says what it was given.
    const source = join(directory, 'Main.java')
    await writeFile(
      source,
      'public class Main { public static void main(String[] a) { System.out.print(System.getProperty("java.vm.vendor") + " " + String.join(",", a)); if (a.length == 0) throw new IllegalStateException("as it was thrown"); } }',
    )
    output('javac', ['-d', directory, source])
    const start = (...args: string[]) =>
      spawnSync(program.java, ['-cp', `${LAUNCHER}:${directory}`, 'manor.hudson.Controller', ...args], { encoding: 'utf8' })
    assert.equal(start('--a', '--b=c').stdout, 'Sun Microsystems Inc. --a,--b=c')
    assert.match(start().stderr, /^Exception in thread "main" java\.lang\.IllegalStateException: as it was thrown/)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('the agent’s jar is Hudson’s own', async () => {
  const { program, agentJar } = await hudsonProgram()
  assert.equal(dirname(dirname(agentJar)), dirname(dirname(program.war)))
  assert.match(output('javap', ['-cp', agentJar, 'hudson.remoting.Engine']), /class hudson\.remoting\.Engine/)
})
