import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { isWithin, planView, quote, type ViewInput, viewScript } from './view.ts'

const BASE: ViewInput = {
  dir: '/srv/manor/engine/workloads/w/dir',
  privateTmp: '/srv/manor/engine/workloads/w/dir/tmp',
  stage: '/srv/manor/engine/stage',
  hidden: ['/srv/manor'],
  mounts: [],
  replaced: [{ source: '/srv/manor/engine/workloads/w/passwd', target: '/etc/passwd' }],
}

const mount = (path: string, readOnly = false, isDirectory = true) => ({ source: path, target: path, readOnly, isDirectory })

test('home and /tmp are covered, the home last, with the private directory in it', () => {
  const plan = planView(BASE)
  assert.deepEqual(
    plan.covers.map(({ target }) => target),
    ['/tmp', '/srv/manor'],
  )
  assert.deepEqual(plan.covers[0], { target: '/tmp', base: { directory: BASE.privateTmp }, layers: [] })
  assert.deepEqual(plan.covers[1]?.layers, [{ kind: 'bound', path: BASE.dir, readOnly: false, isDirectory: true }])
})

test('of nested hidden directories only the topmost is covered', () => {
  const plan = planView({ ...BASE, hidden: ['/srv/manor', '/srv', '/srv'] })
  assert.deepEqual(plan.covers.map(({ target }) => target).toSorted(), ['/srv', '/tmp'])
})

test('a mount is bound into the cover that hides it, and a read-only one outside all covers is bound to itself', () => {
  const plan = planView({ ...BASE, mounts: [mount('/srv/manor/home/a'), mount('/opt/jdk', true), mount('/opt/data'), mount('/tmp/x')] })
  assert.deepEqual(
    plan.covers.map(({ layers }) => layers.map(({ path }) => path)),
    [['/tmp/x'], ['/srv/manor/home/a', BASE.dir]],
  )
  assert.deepEqual(
    plan.readOnly.map(({ path }) => path),
    ['/opt/jdk'],
  )
})

test('a mount above a hidden directory does not undo the hiding', () => {
  const plan = planView({ ...BASE, mounts: [mount('/', true), mount('/srv')] })
  assert.ok(plan.covers.some(({ target }) => target === '/srv/manor'))
  assert.deepEqual(plan.readOnly, [])
  assert.ok(!plan.covers.some(({ layers }) => layers.some(({ path }) => path === '/srv' || path === '/')))
})

test('a hidden directory that comes into view with a mount above it is emptied there, and shows what was declared', () => {
  const home = '/tmp/all/home'
  const dir = `${home}/engine/workloads/w/dir`
  const stage = `${home}/engine/stage`
  const input = { ...BASE, dir, privateTmp: `${dir}/tmp`, stage, hidden: [home] }
  const [cover, ...others] = planView({ ...input, mounts: [mount('/tmp/all', true), mount(`${home}/controllers/a/home`)] }).covers
  assert.deepEqual(others, [])
  assert.deepEqual(
    cover?.layers.map(({ kind, path }) => `${kind} ${path}`),
    ['bound /tmp/all', `emptied ${home}`, `bound ${dir}`, `bound ${home}/controllers/a/home`].toSorted(
      (a, b) => a.slice(a.indexOf(' ')).length - b.slice(b.indexOf(' ')).length,
    ),
  )
  const script = viewScript(planView({ ...input, mounts: [mount('/tmp/all', true)] }), stage, false)
  const lines = [
    "mount --bind -o ro '/tmp/all'",
    `manor '${stage}/all/home'`,
    `mkdir -p '${stage}/all/home/engine`,
    `mount --rbind '${dir}'`,
  ]
  const places = lines.map(line => script.indexOf(line))
  assert.ok(places.every(place => place >= 0))
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
    script,
  )
  assert.deepEqual(
    planView({ ...input, mounts: [mount('/tmp/other')] }).covers.flatMap(({ layers }) => layers.filter(({ kind }) => kind === 'emptied')),
    [],
    'where nothing shows it, it need not be emptied',
  )
})

test('whoever declares /tmp gets the one of the machine', () => {
  assert.deepEqual(
    planView({ ...BASE, mounts: [mount('/tmp')] }).covers.map(({ target }) => target),
    ['/srv/manor'],
  )
})

test('the script makes a file where a file is bound, and ends with its arguments', () => {
  const script = viewScript(planView({ ...BASE, mounts: [mount("/srv/manor/it's.jar", true, false)] }), BASE.stage, false)
  assert.match(script, /: >'\/srv\/manor\/engine\/stage\/it'\\''s\.jar'/)
  assert.match(script, /mount --bind -o ro '\/srv\/manor\/it'\\''s\.jar'/)
  assert.match(script, /exec "\$@"$/)
  assert.doesNotMatch(script, /hidepid/)
  // What lies in a hidden directory is bound before that is covered.
  assert.ok(script.indexOf("'/etc/passwd'") < script.indexOf('mount --move'))
})

test('isWithin knows a path from one that only begins alike', () => {
  assert.ok(isWithin('/a/b', '/a'))
  assert.ok(isWithin('/a', '/a'))
  assert.ok(!isWithin('/ab', '/a'))
  assert.ok(!isWithin('/', '/a'))
  assert.ok(isWithin('/a/..b', '/a'))
})

test('a quoted word comes out of a shell as it went in', () => {
  const word = fc.string({ unit: 'binary' }).filter(text => !/[\0\ud800-\udfff]/.test(text))
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), words => {
      const script = `for word in ${words.map(quote).join(' ')}; do printf '%s\\0' "$word"; done`
      const said = execFileSync('sh', ['-c', script], { encoding: 'utf8' })
      assert.deepEqual(said.split('\0').slice(0, -1), words)
    }),
    { numRuns: 25 },
  )
})
