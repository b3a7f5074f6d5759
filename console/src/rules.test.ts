/** Holds the console to its own rules: what it may import, where time comes from, where colours are. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = import.meta.dirname
const sources = globSync('**/*.{ts,tsx}', { cwd: root }).filter(path => !path.endsWith('.test.ts'))
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')
const codeOf = (path: string): string =>
  textOf(path)
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/(^|\s)\/\/.*$/gm, '')

/** Lines of the sources that match, but for those in `except`. */
const linesWith = (pattern: RegExp, except: readonly string[] = []): string[] =>
  sources
    .filter(path => !except.includes(path))
    .flatMap(path =>
      codeOf(path)
        .split('\n')
        .filter(line => pattern.test(line))
        .map(line => `${path}: ${line.trim()}`),
    )

test('of Manor it knows the contract, as types, and the nouns', () => {
  const imports = sources.flatMap(path =>
    [...codeOf(path).matchAll(/import (type )?(?:\{[^}]*\}|\* as \w+) from '((?:\.\.\/)+src\/[^']+)'/g)].map(([, type, from = '']) => ({
      path,
      isType: type !== undefined,
      from,
    })),
  )
  assert.ok(imports.length > 10)
  assert.deepEqual(
    imports.filter(({ isType, from }) => !(from.endsWith('/src/model/index.ts') || (isType && from.endsWith('/src/api/contract.ts')))),
    [],
  )
})

test('the time of day and timers come from clock.ts', () => {
  assert.deepEqual(linesWith(/\b(Date\.now|new Date\(\)|setTimeout|setInterval|Math\.random)\b/, ['lib/clock.ts']), [])
})

test('no HTML from strings, which the policy and good sense forbid', () => {
  assert.deepEqual(linesWith(/innerHTML|dangerouslySetInnerHTML|insertAdjacentHTML|document\.write/), [])
})

test('colours are tokens', () => {
  const styles = globSync('styles/*.css', { cwd: root }).filter(path => path !== 'styles/tokens.css')
  const wrong = styles.flatMap(path =>
    [
      ...textOf(path)
        .replaceAll(/\/\*[\s\S]*?\*\//g, '')
        .matchAll(/#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(/gi),
    ].map(([found]) => `${path}: ${found}`),
  )
  assert.deepEqual(wrong, [])
})
