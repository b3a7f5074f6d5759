import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { userName, writeAccounts } from './accounts.ts'

test("a user's name holds nothing that could end its field or be taken for a path", () => {
  assert.equal(userName('controller/team-a'), 'manor-controller-team-a')
  assert.equal(userName('Agents/a:0:0\n..'), 'manor-agents-a-0-0---')
  assert.equal(userName(`agents/${'x'.repeat(100)}`).length, 32)
})

test("the machine's accounts stay, with the workload's own in front", async () => {
  const root = await mkdtemp(join(tmpdir(), 'manor-accounts-'))
  try {
    const replaced = await writeAccounts(root, 'agents/team-a', { uid: 61_007, gid: 61_007 }, '/the/home')
    assert.deepEqual(
      replaced.map(({ target }) => target),
      ['/etc/passwd', '/etc/group'],
    )
    for (const { source, target } of replaced) {
      const [own = '', ...rest] = (await readFile(source, 'utf8')).split('\n')
      assert.match(own, /^manor-agents-team-a:x:61007:/)
      assert.equal(rest.join('\n'), await readFile(target, 'utf8'))
      assert.equal((await stat(source)).mode & 0o777, 0o644)
    }
    assert.match(await readFile(join(root, 'passwd'), 'utf8'), /^[^\n]*:\/the\/home:\/bin\/sh\n/)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
})
