import assert from 'node:assert/strict'
import { test } from 'node:test'
import { templateView } from '../../tests/support/views.ts'
import { CliError } from './errors.ts'
import { readTemplates, writeTemplate } from './template-file.ts'

test('sizes and times are written with units, and several templates go in one file', async () => {
  const text =
    'name: linux\nlabels: [linux]\nresources: { cpu: 2, memory: 1.5g, disk: 5g }\nconnectTimeout: 90s\n---\nname: tiny\nresources: { memoryMb: 128 }\n'
  assert.deepEqual(await readTemplates('file', text), [
    { name: 'linux', body: { labels: ['linux'], resources: { cpu: 2, memoryMb: 1536, diskMb: 5120 }, connectTimeoutMs: 90_000 } },
    { name: 'tiny', body: { resources: { memoryMb: 128 } } },
  ])
})

test('JSON is read as well', async () => {
  assert.deepEqual(await readTemplates('file', '{"name": "linux", "takesUnlabelled": true}'), [
    { name: 'linux', body: { takesUnlabelled: true } },
  ])
})

const REFUSED: readonly (readonly [text: string, sentence: RegExp])[] = [
  ['', /^f holds no template: write at least/],
  ['# nothing\n', /holds no template/],
  ['- a\n', /f: a template is no list of fields/],
  ['labels: [a]\n', /f: name is missing/],
  ['name: a\nlabel: [a]\n', /f: there is no field label\. Did you mean labels\?/],
  ['name: a\nresources: { memory: 12 }\n', /f: resources.memory is "12": it lacks its unit/],
  ['name: a\nresources: { ram: 1g }\n', /f: there is no field resources\.ram\. There are: cpu/],
  ['name: a\n---\nname: [\n', /f, document 2 is no YAML/],
]
for (const [text, sentence] of REFUSED)
  test(`${JSON.stringify(text)} is refused with the place and the mend`, () =>
    assert.rejects(readTemplates('f', text), error => error instanceof CliError && sentence.test(error.message)))

test('what is shown can be applied again, and is the same', async () => {
  const {
    id,
    revision: _not,
    memoryAdvice: _nor,
    ...body
  } = templateView('linux', { command: ['{java}', '-jar', '{agentJar}'], environment: { A: 'b: c' } })
  assert.deepEqual(await readTemplates('file', await writeTemplate(templateView('linux', body))), [{ name: id, body }])
})
