/** Writes the fleet into the database file that the first argument names, then dies as by kill -9: what is left is what a crash leaves. */
import { DEFAULT_TEMPLATE } from '../../src/agents/index.ts'
import { ensureSecrets } from '../../src/controllers/secrets.ts'
import type { Kind, Rows, SubjectKind } from '../../src/model/index.ts'
import { tenantId } from '../../src/model/index.ts'
import { seededRandom, systemClock } from '../../src/runtime/index.ts'
import { createSeal, openSqliteStore, type Transaction } from '../../src/store/index.ts'
import { AGENTS, agentRow, CONTROLLERS, controllerRow, ENDED, TENANTS } from './fleet.ts'

/** Rows of one transaction. */
const GROUP = 250

const store = await openSqliteStore(process.argv[2] ?? '', systemClock)
const random = seededRandom(1)
const seal = createSeal(new Uint8Array(32), random)
const now = systemClock.now()
const epochs: number[] = []

const put = <K extends Kind & SubjectKind>(tx: Transaction, kind: K, row: Rows[K], subject: string, type: string): void => {
  tx.put(kind, row)
  tx.event({ kind, subject, type, actor: 'bench', message: `${subject} is ${type}.` })
}

const inGroups = async (count: number, write: (tx: Transaction, index: number) => void): Promise<void> => {
  for (let from = 0; from < count; from += GROUP)
    await store.transact(tx => {
      for (let index = from; index < Math.min(count, from + GROUP); index++) write(tx, index)
    })
}

await inGroups(1, tx => put(tx, 'template', DEFAULT_TEMPLATE, DEFAULT_TEMPLATE.id, 'created'))
await inGroups(TENANTS, (tx, index) => {
  const id = tenantId(`tenant-${index}`)
  put(tx, 'tenant', { id, weight: 1 + (index % 3), createdAt: now }, id, 'created')
})
await inGroups(CONTROLLERS, (tx, index) => {
  const epoch = tx.nextEpoch()
  epochs[index] = epoch
  const row = controllerRow(index, epoch, now)
  put(tx, 'controller', row, row.id, 'ready')
  ensureSecrets(tx, seal, random, row)
})
const epochOf = (controller: number): number => epochs[controller] ?? 0
await inGroups(AGENTS, (tx, index) => {
  const row = agentRow(index, epochOf, now, false)
  put(tx, 'agent', row, row.id, 'busy')
  if (row.build)
    tx.build({
      controller: row.controller,
      tenant: row.tenant,
      job: row.build.job,
      number: row.build.number,
      agent: row.id,
      startedAt: now,
    })
})
await inGroups(ENDED, (tx, index) => {
  const row = agentRow(index, epochOf, now, true)
  put(tx, 'agent', row, row.id, 'ended')
})
process.kill(process.pid, 'SIGKILL')
