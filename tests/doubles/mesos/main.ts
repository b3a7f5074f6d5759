/**
 * The double by itself, until it is ended: `node tests/doubles/mesos/main.ts [--port N] [--agents N] [--masters N] [--directory D]
 * [--cpus N] [--mem MB] [--pretend]`.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../../../src/runtime/index.ts'
import { startMesosDouble } from './mesos-double.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    agents: { type: 'string', default: '1' },
    masters: { type: 'string', default: '1' },
    directory: { type: 'string' },
    cpus: { type: 'string', default: '64' },
    mem: { type: 'string', default: '64000' },
    pretend: { type: 'boolean', default: false },
  },
})
const directory = values.directory ?? (await mkdtemp(join(tmpdir(), 'mesos-double-')))
/** Ports of one agent: all agents are this machine, so no two may lend the same. */
const PORTS_EACH = 200
const double = await startMesosDouble({
  clock: systemClock,
  directory,
  port: Number(values.port),
  masters: Number(values.masters),
  pretends: values.pretend,
  agents: Array.from({ length: Number(values.agents) }, (_, index) => ({
    hostname: 'localhost',
    cpus: Number(values.cpus),
    mem: Number(values.mem),
    disk: 1_000_000,
    ports: [31_000 + index * PORTS_EACH, 31_000 + (index + 1) * PORTS_EACH - 1] as const,
    attributes: { rack: `r${index + 1}` },
  })),
})
// The clock's timers keep no program alive.
const keepAlive = createServer().listen(0, '127.0.0.1')
process.stdout.write(`A double of Mesos, not a real one: ${double.urls.join(' ')}\n`)
const end = async (): Promise<void> => {
  await double[Symbol.asyncDispose]()
  if (values.directory === undefined) await rm(directory, { recursive: true, force: true })
  keepAlive.close()
}
process.once('SIGINT', () => void end())
process.once('SIGTERM', () => void end())
