import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decidePerHost, FEWER_AFTER_MS, type PerHostStep } from './per-host.ts'
import type { Deployment, MarathonApp } from './wire.ts'

const ID = '/manor/on.each.host/mounts'
const app = (instances: number, description = 'one'): MarathonApp => ({ id: ID, instances, labels: { 'manor.description': description } })
const held = (...affectedApps: string[]): Deployment => ({ id: 'd', affectedApps })
const NOTHING: PerHostStep = { kind: 'nothing' }

const table: readonly (readonly [name: string, args: Parameters<typeof decidePerHost>, step: PerHostStep])[] = [
  ['nothing is there and no agent either', [undefined, 'one', 0, 0, []], NOTHING],
  ['nothing is there yet', [undefined, 'one', 3, 0, []], { kind: 'create', instances: 3 }],
  ['as many as agents', [app(3), 'one', 3, 0, []], NOTHING],
  ['an agent came', [app(3), 'one', 4, 0, []], { kind: 'scale', instances: 4, force: false }],
  ['an agent came while a deployment waits for another', [app(3), 'one', 4, 0, [held(ID)]], { kind: 'scale', instances: 4, force: true }],
  ['an agent came while a deployment holds others too', [app(3), 'one', 4, 0, [held(ID, '/other')]], NOTHING],
  ['an agent is not seen for a moment', [app(3), 'one', 2, FEWER_AFTER_MS - 1, []], NOTHING],
  ['an agent is not seen for long', [app(3), 'one', 2, FEWER_AFTER_MS, []], { kind: 'scale', instances: 2, force: false }],
  ['the last agent is not seen for long', [app(1), 'one', 0, FEWER_AFTER_MS, []], { kind: 'scale', instances: 0, force: false }],
  ['it is described otherwise', [app(3), 'two', 4, 0, []], { kind: 'replace', instances: 4 }],
  ['it is described otherwise while agents are away', [app(3), 'two', 1, 0, []], { kind: 'replace', instances: 3 }],
  ['it is described otherwise while a deployment holds it', [app(3), 'two', 3, 0, [held(ID)]], NOTHING],
]
for (const [name, args, step] of table) test(name, () => assert.deepEqual(decidePerHost(...args), step))
