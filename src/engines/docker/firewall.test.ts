import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chainsOf, firewallRules } from './firewall.ts'

test('the metadata address is closed first, the host but for what is named, and nothing of others is touched', () => {
  assert.deepEqual(firewallRules('mnrabc', { hostPorts: [7070], closed: ['10.0.0.0/24'] }).split('\n'), [
    '*filter',
    ':MANOR-IN-mnrabc - [0:0]',
    ':MANOR-FWD-mnrabc - [0:0]',
    '-A MANOR-IN-mnrabc -i mnrabc+ -d 169.254.0.0/16 -j DROP',
    '-A MANOR-FWD-mnrabc -i mnrabc+ -d 169.254.0.0/16 -j DROP',
    '-A MANOR-IN-mnrabc -i mnrabc+ -d 10.0.0.0/24 -j DROP',
    '-A MANOR-FWD-mnrabc -i mnrabc+ -d 10.0.0.0/24 -j DROP',
    '-A MANOR-IN-mnrabc -i mnrabc+ -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN',
    '-A MANOR-IN-mnrabc -i mnrabc+ -p tcp --dport 7070 -j RETURN',
    '-A MANOR-IN-mnrabc -i mnrabc+ -j DROP',
    'COMMIT',
    '',
  ])
})

test('names of chains fit', () => {
  for (const name of Object.values(chainsOf('mnrzzzz'))) assert.ok(name.length <= 28)
})
