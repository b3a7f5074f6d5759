/** The contrasts that tokens.css promises, computed as WCAG 2.2 (relative luminance, success criteria 1.4.3 and 1.4.11) says. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

type Theme = 'light' | 'dark'
const THEMES: readonly Theme[] = ['light', 'dark']
const TEXT_CONTRAST = 4.5
const SHAPE_CONTRAST = 3

const css = readFileSync(join(import.meta.dirname, 'tokens.css'), 'utf8')
const tokens = new Map(
  [...css.matchAll(/(--[\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(([, name = '', light = '', dark = '']) => [
    name,
    { light, dark },
  ]),
)

const colour = (name: string, theme: Theme): string => {
  const token = tokens.get(name)
  assert.ok(token, `${name} is in tokens.css as light-dark(#rrggbb, #rrggbb)`)
  return token[theme]
}

const luminance = (hex: string): number => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map(at => {
    const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

const contrast = (a: string, b: string): number => {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].toSorted((x, y) => y - x)
  return (light + 0.05) / (dark + 0.05)
}

const tooWeak = (inks: readonly string[], grounds: readonly string[], least: number): string[] =>
  THEMES.flatMap(theme =>
    inks.flatMap(ink =>
      grounds.flatMap(ground => {
        const found = contrast(colour(ink, theme), colour(ground, theme))
        return found >= least ? [] : [`${ink} on ${ground} in ${theme}: ${found.toFixed(2)}`]
      }),
    ),
  )

const GROUNDS = ['--ground', '--surface', '--raised', '--sunken']

test('every ink can be read on every ground', () => {
  assert.deepEqual(tooWeak(['--ink', '--ink-soft', '--ink-faint', '--link', '--danger'], GROUNDS, TEXT_CONTRAST), [])
  assert.deepEqual(tooWeak(['--roof-ink', '--roof-soft'], ['--roof'], TEXT_CONTRAST), [])
  assert.deepEqual(tooWeak(['--button-ink'], ['--button'], TEXT_CONTRAST), [])
  assert.deepEqual(tooWeak(['--danger-ink'], ['--danger'], TEXT_CONTRAST), [])
  assert.deepEqual(tooWeak(['--banner-ink'], ['--banner'], TEXT_CONTRAST), [])
  assert.deepEqual(tooWeak(['--ink', '--ink-soft'], ['--selection'], TEXT_CONTRAST), [])
})

test('every state, edge of a field and focus ring can be seen on every ground', () => {
  const states = ['up', 'rising', 'falling', 'down', 'failed', 'lost'].map(state => `--state-${state}`)
  assert.deepEqual(tooWeak([...states, '--focus', '--line-strong'], GROUNDS, SHAPE_CONTRAST), [])
})

test('the light in a window can be seen', () => {
  assert.deepEqual(tooWeak(['--lamp'], ['--state-up'], SHAPE_CONTRAST), [])
})
