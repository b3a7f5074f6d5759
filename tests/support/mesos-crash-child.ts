/**
 * A process with the Mesos engine that a test kills at any moment: `node mesos-crash-child.ts URL DIRECTORY COUNT`. It submits the workloads
 * w-1 to w-COUNT until each is known to have started, as a broker would, and says `done`. What must survive is in a file of the directory.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TaskRecord } from '../../src/engines/index.ts'
import { tenantId, type WorkloadId, workloadId } from '../../src/model/index.ts'
import { systemClock } from '../../src/runtime/index.ts'
import { type MesosState, openEngine, placing } from './mesos-engine.ts'
import { shellWorkload } from './shell-workload.ts'

type Line = { readonly framework: string } | { readonly put: TaskRecord } | { readonly delete: WorkloadId }

/** A journal of lines: each is there whole once the call returns, and a process that dies within one leaves at most half a line at the end. */
export const fileState = (file: string): MesosState => {
  let framework: string | undefined
  const rows = new Map<WorkloadId, TaskRecord>()
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  for (const line of text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)) {
    const one = JSON.parse(line) as Line
    if ('framework' in one) framework = one.framework
    else if ('put' in one) rows.set(one.put.workload, one.put)
    else rows.delete(one.delete)
  }
  if (!text.endsWith('\n') && text !== '') appendFileSync(file, '\n')
  const write = (line: Line): void => appendFileSync(file, `${JSON.stringify(line)}\n`)
  return {
    framework: () => framework,
    rows: () => [...rows.values()],
    frameworkIds: {
      read: async () => framework,
      swap: async (expected, next) => {
        if (framework !== expected) return false
        write({ framework: next })
        framework = next
        return true
      },
    },
    tasks: {
      load: async () => [...rows.values()],
      insert: async record => {
        const there = rows.get(record.workload)
        if (there !== undefined) return there
        write({ put: record })
        rows.set(record.workload, record)
        return undefined
      },
      save: async record => {
        write({ put: record })
        rows.set(record.workload, record)
      },
      delete: async workload => {
        write({ delete: workload })
        rows.delete(workload)
      },
    },
  }
}

export const CRASH_OWNER = 'crash-test'

const main = async ([url = '', directory = '', count = '0']: readonly string[]): Promise<void> => {
  const engine = placing(await openEngine(url, CRASH_OWNER, fileState(join(directory, 'state'))))
  const keepAlive = setInterval(() => undefined, 1_000)
  const { signal } = new AbortController()
  const start = async (index: number): Promise<void> => {
    const id = workloadId(`w-${index}`)
    for (;;) {
      const seen = (await engine.list(signal)).find(one => one.id === id)
      if (seen?.startedAt !== undefined) return
      await engine
        .submit(
          shellWorkload(id, CRASH_OWNER, `echo ${id} >>${directory}/started; exec sleep 600`, {
            labels: { owner: CRASH_OWNER, kind: 'agent', noun: `agent-${index}`, epoch: 1 },
            tenant: tenantId(index % 2 === 0 ? 'even' : 'odd'),
            graceMs: 0,
          }),
          undefined,
          signal,
        )
        .catch(() => undefined)
      await systemClock.sleep(20)
    }
  }
  await Promise.all(Array.from({ length: Number(count) }, (_, index) => start(index + 1)))
  process.stdout.write('done\n')
  clearInterval(keepAlive)
  process.exit(0)
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))
