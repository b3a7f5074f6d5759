/** The double by itself, until it is ended: `node tests/doubles/marathon/main.ts [--port N] [--hosts NAME,NAME] [--standbys N]`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../../../src/runtime/index.ts'
import { createMarathonDouble } from './marathon.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    hosts: { type: 'string', default: 'localhost' },
    standbys: { type: 'string', default: '0' },
  },
})
const directory = await mkdtemp(join(tmpdir(), 'marathon-double-'))
const double = await createMarathonDouble({
  clock: systemClock,
  directory,
  port: Number(values.port),
  standbys: Number(values.standbys),
  hosts: values.hosts.split(',').map((hostname, index) => ({
    hostname,
    cpus: 64,
    mem: 64_000,
    ports: [31_000 + index * 200, 31_199 + index * 200],
  })),
})
// The clock's timers keep no program alive.
const keepAlive = createServer().listen(0, '127.0.0.1')
process.stdout.write(`A double of Marathon, not a real one: ${double.urls.join(' ')} (Mesos: ${double.mesosUrl})\n`)
const end = async (): Promise<void> => {
  await double[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
  keepAlive.close()
}
process.once('SIGINT', () => void end())
process.once('SIGTERM', () => void end())
