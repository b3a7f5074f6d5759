import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { zipOf } from '../../../../tests/support/zip.ts'
import { parseJavaRelease } from './find-java.ts'
import { isAgentJar, manifestAttributes } from './war.ts'
import { extractZipTree } from './zip.ts'

const { signal } = new AbortController()
let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'manor-war-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

test('a manifest’s main attributes, whatever its line ends, with long lines put together', () => {
  const text = 'Manifest-Version: 1.0\r\nJenkins-Version: 2.54\r\n 1.3\r\nCreated-By: x: y\r\n\r\nName: other\r\nJenkins-Version: 9\r\n'
  for (const form of [text, text.replaceAll('\r\n', '\n'), text.replaceAll('\r\n', '\r')])
    assert.deepEqual(
      [...manifestAttributes(form)],
      [
        ['Manifest-Version', '1.0'],
        ['Jenkins-Version', '2.541.3'],
        ['Created-By', 'x: y'],
      ],
    )
})

test('the agent’s jar under the names that wars give it', () => {
  for (const name of ['WEB-INF/slave.jar', 'WEB-INF/remoting.jar', 'WEB-INF/lib/remoting-3352.v17a_fb_4b_2773f.jar'])
    assert.ok(isAgentJar(name))
  for (const name of ['WEB-INF/lib/jna.jar', 'slave.jar', 'WEB-INF/lib/remoting-x/y.jar', 'WEB-INF/hudson-cli.jar'])
    assert.ok(!isAgentJar(name))
})

test('the feature release of what java -version prints', () => {
  assert.equal(parseJavaRelease('openjdk version "17.0.15" 2025-04-15\n'), 17)
  assert.equal(parseJavaRelease('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "25" 2025-09-16'), 25)
  assert.equal(parseJavaRelease('java version "1.8.0_402"'), 8)
  assert.equal(parseJavaRelease('openjdk version "26-ea" 2026-03-17'), 26)
  assert.equal(parseJavaRelease('command not found'), undefined)
})

test('only what is below the prefix is unpacked', async () => {
  const archive = join(directory, 'a.zip')
  await writeFile(archive, zipOf({ 'a/run/bin/java': 'one', 'a/run/lib/x/y': 'two', 'b/z': 'three' }))
  const target = join(directory, 'out')
  await extractZipTree(archive, 'a/run/', target, signal)
  assert.deepEqual((await readdir(target, { recursive: true })).toSorted(), ['bin', 'bin/java', 'lib', 'lib/x', 'lib/x/y'])
  assert.equal(await readFile(join(target, 'bin', 'java'), 'utf8'), 'one')
  assert.equal((await stat(join(target, 'bin', 'java'))).mode & 0o777, 0o644)
})

test('an archive that wants to write outside is refused', async () => {
  const archive = join(directory, 'a.zip')
  await writeFile(archive, zipOf({ 'a/../../outside': 'one' }))
  await assert.rejects(extractZipTree(archive, 'a/', join(directory, 'out', 'deep'), signal), /invalid relative path/)
  assert.deepEqual((await readdir(directory)).toSorted(), ['a.zip'])
})
