import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findConnection, homeOf } from './connection.ts'
import { CliError } from './errors.ts'

const withHome = async (run: object | undefined, work: (home: string) => Promise<void>): Promise<void> => {
  const home = await mkdtemp(join(tmpdir(), 'manor-connection-'))
  try {
    await mkdir(join(home, 'run'))
    if (run) await writeFile(join(home, 'run', 'manor.json'), JSON.stringify(run))
    await writeFile(join(home, 'run', 'token'), 'of-the-home\n')
    await work(home)
  } finally {
    await rm(home, { recursive: true })
  }
}
const refusal = (sentence: RegExp) => (error: unknown) => error instanceof CliError && error.exitCode === 2 && sentence.test(error.message)

test('the home is --home, then MANOR_HOME, then ~/.manor', () => {
  assert.equal(homeOf({ home: '/a' }, { MANOR_HOME: '/b', HOME: '/c' }), '/a')
  assert.equal(homeOf({}, { MANOR_HOME: '/b', HOME: '/c' }), '/b')
  assert.equal(homeOf({}, { HOME: '/c' }), '/c/.manor')
})

test('a running Manor is found by what it left in its home', () =>
  withHome({ url: 'http://127.0.0.1:8080/', pid: 1 }, async home => {
    const found = await findConnection({ home }, {})
    assert.deepEqual(found, { url: 'http://127.0.0.1:8080', token: 'of-the-home', place: `at ${home}` })
    assert.equal((await findConnection({ home, token: 'given' }, {})).token, 'given')
    assert.equal((await findConnection({ home }, { MANOR_URL: 'http://elsewhere' })).url, 'http://127.0.0.1:8080')
  }))

test('where none runs, one sentence says how to start it', () =>
  withHome(undefined, async home => {
    await assert.rejects(
      findConnection({ home }, {}),
      refusal(new RegExp(`^Manor is not running at ${home}: start it with ./manor up\\.$`)),
    )
    await assert.rejects(findConnection({ home: `${home}/none` }, {}), refusal(/not running/))
  }))

test("an address that was named never gets the home's token", () =>
  withHome({ url: 'http://127.0.0.1:8080' }, async home => {
    await assert.rejects(
      findConnection({ url: 'http://elsewhere' }, { MANOR_HOME: home }),
      refusal(/A token is needed for http:\/\/elsewhere/),
    )
    const found = await findConnection({ url: 'http://elsewhere/' }, { MANOR_HOME: home, MANOR_TOKEN: 'named' })
    assert.deepEqual(found, { url: 'http://elsewhere', token: 'named', place: 'at http://elsewhere/' })
  }))

test('what is no address, and a run file that says nothing, are refused', async () => {
  await assert.rejects(findConnection({ url: 'localhost:8080', token: 't' }, {}), refusal(/give an address like/))
  await withHome({ pid: 1 }, home => assert.rejects(findConnection({ home }, {}), refusal(/does not say where Manor listens/)))
})
