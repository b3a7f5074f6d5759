import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readFailedSeeds } from './failed-seeds.ts'

const reading = async (text: string): Promise<unknown> => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-failed-seeds-'))
  try {
    await writeFile(join(directory, 'seeds.yaml'), text)
    return await readFailedSeeds(join(directory, 'seeds.yaml'))
  } finally {
    await rm(directory, { recursive: true })
  }
}

const ENTRY = '- { seed: 4711, level: hard, hours: 24, story: It broke., fixed: It holds. }\n'

test('the file of failed seeds reads, and names no seed twice', async () => {
  const seeds = (await readFailedSeeds()).map(({ seed, level, hours, denseMinutes }) => `${seed} ${level} ${hours} ${denseMinutes}`)
  assert.deepEqual(seeds, [...new Set(seeds)])
})

test('an entry has a seed, a level, hours, its story and what was fixed', async () => {
  assert.deepEqual(await reading(ENTRY), [{ seed: 4711, level: 'hard', hours: 24, story: 'It broke.', fixed: 'It holds.' }])
})

const REFUSED: readonly (readonly [text: string, sentence: RegExp])[] = [
  ['seed: 1\n', /the file is \{"seed":1\}: give a list\.$/],
  [ENTRY.replace('hard', 'harder'), /0\.level is "harder": give one of none, mild, hard\.$/],
  [ENTRY.replace(', fixed: It holds.', ''), /0\.fixed is missing: give what was wrong and what is so now\.$/],
  [ENTRY.replace('hours', 'hour'), /there is no field 0\.hour\. There are: seed, level, hours, denseMinutes, story, fixed\.$/],
  [ENTRY.replace('hours', 'denseMinutes: 20, hours'), /seed 4711 has both: give one of hours and denseMinutes\.$/],
  [ENTRY.replace(', hours: 24', ''), /seed 4711 has neither: give one of hours and denseMinutes\.$/],
]
for (const [text, sentence] of REFUSED)
  test(`${JSON.stringify(text)} is refused with its place`, () => assert.rejects(reading(text), sentence))
