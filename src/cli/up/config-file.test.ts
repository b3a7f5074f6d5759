import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CliError } from '../errors.ts'
import { readConfig } from './config-file.ts'

const withHome = async (work: (home: string) => Promise<void>): Promise<void> => {
  const home = await mkdtemp(join(tmpdir(), 'manor-config-'))
  try {
    await work(home)
  } finally {
    await rm(home, { recursive: true })
  }
}

const says = (pattern: RegExp) => (cause: unknown) => cause instanceof CliError && pattern.test(cause.message)

test('a home without settings runs on processes, and stays without a file', () =>
  withHome(async home => {
    assert.equal((await readConfig({}, home)).engine.kind, 'process')
    await assert.rejects(readFile(join(home, 'manor.yaml')))
  }))

test('the engine of the first start is written down, so that the next start and a down find it', () =>
  withHome(async home => {
    assert.equal((await readConfig({ engine: 'docker' }, home)).engine.kind, 'docker')
    await writeFile(join(home, 'manor.key'), 'key')
    assert.equal((await readConfig({}, home)).engine.kind, 'docker')
    assert.equal((await readConfig({ engine: 'docker' }, home)).engine.kind, 'docker')
    await assert.rejects(readConfig({ engine: 'process' }, home), says(/runs on the engine docker, and --engine says process/))
  }))

test('a home that has run on processes is not moved to another engine', () =>
  withHome(async home => {
    await writeFile(join(home, 'manor.key'), 'key')
    await assert.rejects(readConfig({ engine: 'docker' }, home), says(/runs on the engine process.*Give another home/))
  }))

test('a double is written down too, and is only for what has one', () =>
  withHome(async home => {
    await assert.rejects(readConfig({ engine: 'docker', double: true }, home), says(/give --engine mesos or --engine marathon/))
    await assert.rejects(readConfig({ engine: 'mesos' }, home), says(/engine\.leaders is missing/))
    const { engine } = await readConfig({ engine: 'mesos', double: true }, home)
    assert.equal(engine.kind === 'mesos' && engine.double, true)
    assert.deepEqual((await readConfig({}, home)).engine, engine)
  }))

test('a file that is named has to be there, and to be right', () =>
  withHome(async home => {
    await assert.rejects(readConfig({ config: join(home, 'none.yaml') }, home), says(/none\.yaml cannot be read: there is no such file/))
    await writeFile(join(home, 'my.yaml'), 'engine: docker\nport: 1')
    await assert.rejects(readConfig({ config: join(home, 'my.yaml') }, home), says(/my\.yaml: there is no field port/))
  }))
