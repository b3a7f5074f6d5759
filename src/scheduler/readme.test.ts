import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '../..')

test('the example of README.md runs and prints what it says', async context => {
  const text = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  const [code = '', printed = ''] = [...text.matchAll(/```\w*\n([\s\S]*?)```/g)].map(([, block]) => block)
  const absolute = code.replaceAll(/'\.\/(src\/[^']+)'/g, (_, path: string) => `'${pathToFileURL(join(root, path)).href}'`)
  const lines: string[] = []
  context.mock.method(console, 'log', (line: string) => lines.push(line))
  await import(`data:text/javascript,${encodeURIComponent(absolute)}`)
  assert.deepEqual(lines, printed.trim().split('\n'))
})
