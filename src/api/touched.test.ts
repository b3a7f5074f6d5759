import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_TEMPLATE } from '../agents/index.ts'
import { type ControllerId, hostId, type Template, type TemplateScope, type Tenant, tenantId } from '../model/index.ts'
import { aController, aHost, anAgent, demandOf } from './testing.ts'
import { type RowChange, touchedBy } from './touched.ts'

const red = tenantId('red')
const blue = tenantId('blue')
const tenantOf = (controller: ControllerId) => (controller.startsWith('red') ? red : undefined)
const template = (scope: TemplateScope): Template => ({ ...DEFAULT_TEMPLATE, scope })

const told = (change: RowChange): string[] =>
  touchedBy(change, tenantOf).map(({ kind, id, urgent, audience }) => `${kind}/${id}${urgent ? '!' : ''} ${[...new Set(audience)].join()}`)

const aTenant = (changes: Partial<Tenant> = {}): Tenant => ({ id: red, weight: 1, createdAt: 0, ...changes })
const controller = (changes: Parameters<typeof aController>[1] = {}) => aController('red-ci', { tenant: red, ...changes })
const h1 = { host: hostId('h1') }
const h2 = { host: hostId('h2') }

const ROWS: readonly (readonly [what: string, change: RowChange, told: readonly string[]])[] = [
  [
    'a new controller',
    { kind: 'controller', id: 'red-ci', before: undefined, after: controller() },
    ['controller/red-ci! red', 'tenant/red red', 'queue/red-ci! red'],
  ],
  [
    'a controller that moved',
    { kind: 'controller', id: 'red-ci', before: controller(h1), after: controller(h2) },
    ['controller/red-ci! red', 'tenant/red red', 'host/h1 *', 'host/h2 *'],
  ],
  [
    'a controller that changed where it is',
    { kind: 'controller', id: 'red-ci', before: controller(h1), after: controller({ ...h1, phase: 'quieting' }) },
    ['controller/red-ci! red', 'tenant/red red', 'host/h1 *'],
  ],
  [
    'a controller that is gone',
    { kind: 'controller', id: 'red-ci', before: controller(h1), after: undefined },
    ['controller/red-ci! red', 'tenant/red red', 'host/h1 *', 'queue/red-ci! red'],
  ],
  [
    'an agent',
    { kind: 'agent', id: 'x', before: undefined, after: anAgent('x', 'red-ci', { tenant: red, ...h1 }) },
    ['agent/x! red', 'queue/red-ci red', 'controller/red-ci red', 'tenant/red red', 'host/h1 *'],
  ],
  [
    'an agent that is gone',
    { kind: 'agent', id: 'x', before: anAgent('x', 'red-ci', { tenant: red }), after: undefined },
    ['agent/x! red', 'queue/red-ci red', 'controller/red-ci red', 'tenant/red red'],
  ],
  [
    'a queue',
    { kind: 'demand', id: 'red-ci', before: undefined, after: demandOf('red-ci', ['1']) },
    ['controller/red-ci red', 'queue/red-ci red', 'tenant/red red'],
  ],
  ['the queue of a controller that is gone', { kind: 'demand', id: 'gone', before: undefined, after: demandOf('gone', ['1']) }, []],
  ['a host that is new', { kind: 'host', id: 'h', before: undefined, after: aHost('h') }, ['host/h *', 'tenant/* *']],
  ['a host that was only seen again', { kind: 'host', id: 'h', before: aHost('h'), after: aHost('h', { seenAt: 99 }) }, ['host/h *']],
  [
    'a host that has more',
    { kind: 'host', id: 'h', before: aHost('h'), after: aHost('h', { capacity: { cpu: 99, memoryMb: 1, diskMb: 1 } }) },
    ['host/h *', 'tenant/* *'],
  ],
  ['a tenant that weighs more', { kind: 'tenant', id: 'red', before: aTenant(), after: aTenant({ weight: 2 }) }, ['tenant/red! red']],
  [
    'a tenant that is guaranteed more, which counts against all',
    { kind: 'tenant', id: 'red', before: aTenant(), after: aTenant({ guarantee: { cpu: 1 } }) },
    ['tenant/red! red', 'tenant/* *'],
  ],
  [
    'a host that was reserved for another tenant',
    { kind: 'host', id: 'h', before: aHost('h', { reservedFor: red }), after: aHost('h', { reservedFor: blue }) },
    ['host/h red,blue'],
  ],
  [
    'a template that was for all and is for one tenant',
    { kind: 'template', id: 't', before: template({ kind: 'global' }), after: template({ kind: 'tenant', tenant: blue }) },
    ['template/t! *,blue'],
  ],
  [
    'a template of a controller',
    { kind: 'template', id: 't', before: undefined, after: template({ kind: 'controller', controller: controller().id }) },
    ['template/t! red'],
  ],
  ['a secret', { kind: 'secret', id: 's', before: undefined, after: { id: 's', sealed: 'x' } }, []],
]

for (const [what, change, expected] of ROWS)
  test(`${what} touches ${expected.join('; ') || 'nothing'}`, () => assert.deepEqual(told(change), expected))
