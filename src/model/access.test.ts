import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Access,
  accessProblem,
  accessWords,
  closedBy,
  deniedOf,
  type HostPath,
  liesIn,
  MAX_ACCESS_ENTRIES,
  tidyAccess,
} from './access.ts'

const path = (at: string, writable?: true): HostPath => (writable ? { path: at, writable } : { path: at })

const WRONG: readonly (readonly [what: string, access: Access, message: RegExp])[] = [
  ['a capability that is none', { capabilities: ['NET_ADMINS'] }, /^holds "NET_ADMINS": give names of Linux/],
  ['all capabilities under another name', { capabilities: ['ALL'] }, /for all of them say privileged/],
  ['a capability with its prefix', { capabilities: ['CAP_NET_ADMIN'] }, /without CAP_/],
  ["the daemon's socket", { hostPaths: [path('/var/run/docker.sock')] }, /a socket of a container engine, and no policy may allow that/],
  ['its other name', { hostPaths: [path('/run/docker.sock')] }, /socket/],
  ['a socket of that name elsewhere', { hostPaths: [path('/srv/docker.sock')] }, /socket/],
  ['the directory that holds it', { hostPaths: [path('/run')] }, /what is below \/run/],
  ['what is above that', { hostPaths: [path('/var')] }, /what is below \/var\/run/],
  ['everything', { hostPaths: [path('/')] }, /would give builds/],
  ["the kernel's files", { hostPaths: [path('/proc/sys')] }, /what is below \/proc/],
  ['a device', { hostPaths: [path('/dev/sda')] }, /what is below \/dev/],
  ['a way around', { hostPaths: [path('/srv/../run/docker.sock')] }, /without "\/\/", "." and ".."/],
  ['a double slash', { hostPaths: [path('//run')] }, /without/],
  ['a slash at the end', { hostPaths: [path('/srv/cache/')] }, /without/],
  ['a zero byte', { hostPaths: [path('/srv/a\0/run')] }, /cannot be seen/],
  ['a relative path', { hostPaths: [path('srv')] }, /give a whole path/],
  ['no path', { hostPaths: [path('')] }, /give a whole path/],
  ['a path twice', { hostPaths: [path('/srv'), path('/srv', true)] }, /twice/],
  ['a path in one that can be written', { hostPaths: [path('/srv', true), path('/srv/cache')] }, /holds "\/srv\/cache", which lies in/],
  ['too many', { capabilities: Array.from({ length: MAX_ACCESS_ENTRIES + 1 }, () => 'CHOWN') }, /give at most 50/],
]
for (const [what, access, message] of WRONG)
  test(`nobody may ask for or allow ${what}`, () => {
    assert.match(accessProblem(access)?.message ?? 'nothing is wrong', message)
  })

test('what may be asked for is taken', () => {
  const table: readonly Access[] = [
    {},
    { privileged: true, hostNetwork: true },
    { capabilities: ['NET_ADMIN', 'SYS_PTRACE'] },
    { hostPaths: [path('/srv/cache', true), path('/srv/cache2'), path('/opt/sdk'), path('/opt/sdk/docs')] },
  ]
  for (const access of table) assert.equal(accessProblem(access), undefined, JSON.stringify(access))
})

test('only what a policy says as it stands is allowed', () => {
  const allowed: Access = { capabilities: ['NET_ADMIN'], hostPaths: [path('/srv/cache'), path('/srv/out', true)] }
  const denied = (asked: Access): string[] => deniedOf(asked, allowed).map(({ option }) => option)
  assert.deepEqual(denied({ capabilities: ['NET_ADMIN'], hostPaths: [path('/srv/cache'), path('/srv/out')] }), [])
  assert.deepEqual(denied({ hostPaths: [path('/srv/out', true)] }), [])
  assert.deepEqual(denied({ privileged: true, hostNetwork: true }), ['--privileged', '--host-network'])
  assert.deepEqual(denied({ capabilities: ['NET_ADMIN', 'SYS_ADMIN'] }), ['--capability SYS_ADMIN'])
  // To read is not to write; what is below, above or beside is another place.
  assert.deepEqual(denied({ hostPaths: [path('/srv/cache', true)] }), ['--host-path /srv/cache:rw'])
  for (const other of ['/srv/cache/maven', '/srv', '/srv/cache2', '/srv/out/link'])
    assert.equal(denied({ hostPaths: [path(other)] }).length, 1)
  // A policy is read as it stands: privileged does not stand for the rest.
  assert.deepEqual(deniedOf({ capabilities: ['CHOWN'] }, { privileged: true }).length, 1)
  assert.deepEqual(deniedOf({ privileged: true }), [{ field: 'privileged', what: 'a privileged container', option: '--privileged' }])
})

test('what says nothing is left out', () => {
  assert.equal(tidyAccess({ privileged: false, capabilities: [], hostPaths: [], hostNetwork: false }), undefined)
  assert.deepEqual(tidyAccess({ capabilities: ['KILL', 'CHOWN', 'KILL'], hostPaths: [{ path: '/srv', writable: false }] }), {
    capabilities: ['CHOWN', 'KILL'],
    hostPaths: [{ path: '/srv' }],
  })
  assert.equal(
    accessWords({ privileged: true, capabilities: ['KILL'], hostPaths: [path('/srv', true)] }),
    'privileged, KILL, /srv (written)',
  )
  assert.equal(
    accessWords({
      privileged: true,
      capabilities: ['NET_ADMIN'],
      hostPaths: [path('/srv/cache', true), path('/opt/sdk')],
      hostNetwork: true,
    }),
    "privileged, NET_ADMIN, /srv/cache (written), /opt/sdk, the host's network",
  )
  assert.equal(accessWords({ privileged: false }), '')
})

const anAccess = (): fc.Arbitrary<Access> => {
  const paths = fc.uniqueArray(fc.tuple(fc.constantFrom('/srv/a', '/srv/b', '/opt/c'), fc.boolean()), { selector: ([at]) => at })
  return fc
    .record({
      privileged: fc.boolean(),
      hostNetwork: fc.boolean(),
      capabilities: fc.uniqueArray(fc.constantFrom('CHOWN', 'KILL', 'NET_ADMIN')),
      hostPaths: paths.map(all => all.map(([at, writable]) => ({ path: at, writable }))),
    })
    .map(drawn => tidyAccess(drawn) ?? {})
}

test('property: a policy allows itself, and nothing that it does not hold', () => {
  fc.assert(
    fc.property(anAccess(), anAccess(), (asked, allowed) => {
      assert.deepEqual(deniedOf(asked, asked), [])
      if (deniedOf(asked, allowed).length > 0) return
      assert.ok(!asked.privileged || allowed.privileged)
      assert.ok(!asked.hostNetwork || allowed.hostNetwork)
      for (const name of asked.capabilities ?? []) assert.ok(allowed.capabilities?.includes(name))
      for (const one of asked.hostPaths ?? [])
        assert.ok(allowed.hostPaths?.some(each => each.path === one.path && (each.writable || !one.writable)))
    }),
  )
})

test('property: no path that is taken holds a closed place or lies in one, however it is written', () => {
  const part = fc.constantFrom('run', 'var', 'docker.sock', 'proc', 'srv', '..', '.', '', 'dev', 'lib', 'docker', 'a b')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 5 }), parts => {
      const at = `/${parts.join('/')}`
      if (accessProblem({ hostPaths: [path(at)] }) !== undefined) return
      assert.equal(closedBy(at), undefined)
      for (const closed of ['/run', '/var/run', '/proc', '/dev', '/var/lib/docker', '/run/docker.sock'])
        assert.ok(!liesIn(at, closed) && !liesIn(closed, at), at)
    }),
    { numRuns: 500 },
  )
})
