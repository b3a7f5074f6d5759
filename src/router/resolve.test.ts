import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RESERVED_NAMES } from '../controllers/index.ts'
import { askedOf, DEFAULT_HOST_NAMES, resolve } from './resolve.ts'
import type { Routes, RouteTarget } from './routes.ts'

const routeOf = (name: string): RouteTarget => ({
  name,
  prefix: `/${name}`,
  phase: 'ready',
  since: 0,
  endpoint: { host: '127.0.0.1', port: 1 },
})
const known = new Map(['hello', 'team-a'].map(name => [name, routeOf(name)]))
const routes: Routes = { find: name => known.get(name) }

/** The decision in one word: a controller's name, `own`, `→location` or `malformed`. */
const decided = (authority: string | undefined, target: string): string => {
  const resolution = resolve({ target, authority }, DEFAULT_HOST_NAMES, routes)
  switch (resolution.kind) {
    case 'controller':
      return resolution.route.name
    case 'redirect':
      return `→${resolution.location}`
    default:
      return resolution.kind
  }
}

const cases: readonly (readonly [authority: string | undefined, target: string, expected: string])[] = [
  // Path mode, on any host.
  ['ci.example.test', '/hello/', 'hello'],
  ['ci.example.test', '/hello', 'hello'],
  ['ci.example.test:8080', '/hello?tree=a', 'hello'],
  ['127.0.0.1:8080', '/team-a/job/x/', 'team-a'],
  ['[::1]:8080', '/team-a/', 'team-a'],
  [undefined, '/hello/', 'hello'],
  ['ci.example.test', '/hello2/', 'own'],
  ['ci.example.test', '/hell%6F/', 'own'],
  ['ci.example.test', '/hello;x/', 'own'],
  ['ci.example.test', '//hello/', 'own'],
  ['ci.example.test', '/HELLO/', 'own'],
  ['ci.example.test', '/', 'own'],
  ['ci.example.test', '/api/v1/controllers', 'own'],
  ['ci.example.test', '/favicon.ico', 'own'],
  // Host mode.
  ['hello.localhost:8080', '/', '→/hello/'],
  ['HELLO.LocalHost', '/', '→/hello/'],
  ['hello.localhost.', '/hello/', 'hello'],
  ['hello.localhost', '/hello', 'hello'],
  ['hello.localhost', '/hello?x=/', 'hello'],
  ['hello.localhost', '/api/json?tree=x', '→/hello/api/json?tree=x'],
  ['hello.localhost', '//evil.test/x', '→/hello//evil.test/x'],
  ['hello.localhost', '/team-a/', '→/hello/team-a/'],
  ['hello.localhost', '/hello-world', '→/hello/hello-world'],
  ['a.hello.localhost', '/', 'own'],
  ['unknown.localhost', '/', 'own'],
  ['unknown.localhost', '/hello/', 'hello'],
  ['localhost', '/hello/', 'hello'],
  // The console's host is never a controller's.
  ['manor.localhost:8080', '/hello/', 'own'],
  ['MANOR.localhost', '/', 'own'],
  // What cannot be asked for.
  ['hello.localhost', '*', 'malformed'],
  ['hello.localhost', '', 'malformed'],
  ['evil.test/hello', '/', 'malformed'],
  ['a b', '/', 'malformed'],
  ['user@host', '/hello/', 'malformed'],
  ['', '/hello/', 'malformed'],
  ['host', '/hello/\tx', 'malformed'],
]

for (const [authority, target, expected] of cases)
  test(`${target} of ${authority ?? 'no host'} goes to ${expected}`, () => {
    assert.equal(decided(authority, target), expected)
  })

test('a reserved name is Manor’s own even where a controller has it', () => {
  const everything: Routes = { find: routeOf }
  for (const name of RESERVED_NAMES)
    assert.equal(resolve({ target: `/${name}/x`, authority: 'ci.example.test' }, DEFAULT_HOST_NAMES, everything).kind, 'own')
})

test('a target in absolute form is a path of the host it names', () => {
  assert.deepEqual(askedOf('http://hello.localhost:81/a%2Fb?c', 'other'), { target: '/a%2Fb?c', authority: 'hello.localhost:81' })
  assert.deepEqual(askedOf('http://hello.localhost', 'other'), { target: '/', authority: 'hello.localhost' })
  assert.deepEqual(askedOf('http://hello.localhost?a', 'other'), { target: '/?a', authority: 'hello.localhost' })
  assert.deepEqual(askedOf('/http://x/', 'other'), { target: '/http://x/', authority: 'other' })
})

test('whatever is asked of a controller’s own host stays with that controller', () => {
  fc.assert(
    fc.property(fc.webPath(), path => {
      const target = path.startsWith('/') ? path : `/${path}`
      const resolution = resolve({ target, authority: 'hello.localhost' }, DEFAULT_HOST_NAMES, routes)
      if (resolution.kind === 'redirect') assert.match(resolution.location, /^\/hello\//)
      else assert.equal(resolution.kind === 'controller' && resolution.route.name, 'hello')
    }),
  )
})
