import { DEFAULT_TEMPLATE } from '../../src/agents/index.ts'
import { composePlane, type Plane } from '../../src/control-plane/compose.ts'
import { ensureSecrets } from '../../src/controllers/secrets.ts'
import { type AgentId, type Controller, controllerId, hostId, type Tenant, tenantId, workloadId } from '../../src/model/index.ts'
import { type Clock, type Random, systemClock } from '../../src/runtime/index.ts'
import { createSeal, openSqliteStore, type Store } from '../../src/store/index.ts'
import { PAPER_JENKINS, PAPER_PROGRAM } from '../../tests/support/paper-jenkins.ts'
import { MemoryEngine } from './engine.ts'

const TENANTS = 50
const GROUP = 100

export type BenchPlane = {
  readonly plane: Plane
  readonly store: Store
  readonly engine: MemoryEngine
  readonly controllers: readonly Pick<Controller, 'id' | 'epoch'>[]
  readonly errors: unknown[]
}

/** The whole control plane over a database file, with so many controllers that are ready. */
export const openPlane = async (file: string, count: number, random: Random): Promise<BenchPlane> => {
  const clock = systemClock
  const store = await openSqliteStore(file, clock)
  const seal = createSeal(new Uint8Array(32), random)
  const engine = new MemoryEngine(clock, 100, 64)
  const controllers: Controller[] = []
  await store.transact(tx => {
    tx.put('template', DEFAULT_TEMPLATE)
    tx.event({ kind: 'template', subject: DEFAULT_TEMPLATE.id, type: 'created', actor: 'bench', message: '' })
    for (let i = 0; i < TENANTS; i++) {
      const tenant: Tenant = { id: tenantId(`tenant-${i}`), weight: 1 + (i % 3), createdAt: clock.now() }
      tx.put('tenant', tenant)
      tx.event({ kind: 'tenant', subject: tenant.id, type: 'created', actor: 'bench', message: '' })
    }
  })
  for (let from = 0; from < count; from += GROUP)
    await store.transact(tx => {
      for (let i = from; i < Math.min(from + GROUP, count); i++) {
        const epoch = tx.nextEpoch()
        const controller = controllerRow(i, epoch, clock)
        controllers.push(controller)
        tx.put('controller', controller)
        ensureSecrets(tx, seal, random, controller)
        tx.event({ kind: 'controller', subject: controller.id, type: 'created', actor: 'bench', message: '' })
      }
    })
  for (const { id, epoch, workload, host } of controllers)
    if (workload !== undefined) engine.run({ id: workload, labels: { owner: 'bench', kind: 'controller', noun: id, epoch } }, host)
  const errors: unknown[] = []
  const there = new Set<AgentId>()
  const plane = composePlane({
    store,
    clock,
    random,
    seal,
    engine,
    programs: { provide: async () => ({ program: PAPER_PROGRAM, why: 'bench' }), agentJar: async () => '/programs/agent.jar' },
    distribution: () => PAPER_JENKINS,
    directories: {
      workDirectory: agent => `/work/${agent}`,
      prepare: async agent => {
        there.add(agent)
        return { jarCache: '/jars' }
      },
      remove: async agent => void there.delete(agent),
      list: async () => [...there],
      sweepJarCaches: async () => undefined,
    },
    homes: { prepare: async id => `/homes/${id}`, retire: async () => undefined },
    probe: async () => ({ kind: 'ready', version: '2.541.3' }),
    owner: 'bench',
    manorUrl: () => 'http://127.0.0.1:1',
    hook: { script: '', root: '/hook' },
    portRange: [20_000, 40_000],
    onProgress: () => undefined,
    onError: (_id, cause) => errors.push(cause),
  })
  return { plane, store, engine, controllers, errors }
}

const controllerRow = (i: number, epoch: number, clock: Clock): Controller => ({
  id: controllerId(`ci-${i}`),
  tenant: tenantId(`tenant-${i % TENANTS}`),
  wanted: 'running',
  spec: { memoryMb: 1_024, cpu: 1, diskMb: 1_000, graceMs: 0, distribution: 'jenkins' },
  createdAt: clock.now(),
  restartsWanted: 0,
  restartsDone: 0,
  phase: 'ready',
  phaseSince: clock.now(),
  epoch,
  workload: workloadId(`ci-${i}.${epoch}`),
  host: hostId(`host-${String(i % 100).padStart(4, '0')}`),
  endpoint: { host: '127.0.0.1', httpPort: 20_000 + i },
  failures: 0,
})
