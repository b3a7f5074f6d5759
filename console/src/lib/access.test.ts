import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessWords } from './access.ts'

test('what is asked of a host is told in the same words as on the command line', () => {
  const hostPaths = [{ path: '/srv/cache', writable: true }, { path: '/opt/sdk' }]
  assert.equal(
    accessWords({ privileged: true, capabilities: ['NET_ADMIN'], hostPaths, hostNetwork: true }),
    "privileged, NET_ADMIN, /srv/cache (written), /opt/sdk, the host's network",
  )
  assert.equal(accessWords({ privileged: false }), '')
})
