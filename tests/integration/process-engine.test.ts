/**
 * The process engine on this machine, held to the engines' conformance suite three times: with all that the machine permits, with limits and
 * isolation switched off, and as a user without rights.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, copyFile, link, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { engineConformance } from '../../src/engines/conformance/index.ts'
import { fullCapabilities, processHarness, weakCapabilities } from '../support/process-engine.ts'

const NOBODY = '65534'
const asUser = process.env.MANOR_TEST_AS_USER !== undefined
const isRoot = process.getuid?.() === 0

if (asUser || !isRoot) {
  engineConformance('process engine without rights', weakCapabilities, () => processHarness({}))
} else {
  engineConformance('process engine', fullCapabilities(), () => processHarness({}))
  engineConformance('process engine, limits and isolation off', weakCapabilities, () => processHarness({ limits: 'off', isolation: 'off' }))

  test('process engine as a user without rights passes the suite', { timeout: 300_000 }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'manor-nobody-'))
    try {
      await chmod(directory, 0o777)
      // Node itself may lie where that user may not go.
      const node = join(directory, 'node')
      await link(process.execPath, node).catch(() => copyFile(process.execPath, node))
      const { status, stdout, stderr } = spawnSync(
        'setpriv',
        ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', node, '--disable-warning=ExperimentalWarning', import.meta.filename],
        { encoding: 'utf8', env: { PATH: process.env.PATH, TMPDIR: directory, HOME: directory, MANOR_TEST_AS_USER: 'yes' } },
      )
      assert.equal(status, 0, `${stdout}\n${stderr}`)
      assert.match(stdout, /process engine without rights/)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
}
