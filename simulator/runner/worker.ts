/** One worker of a pool: runs the plans that it is sent, one after the other, by the `simulate` of the module that its first argument names. */
import { pathToFileURL } from 'node:url'
import type { Outcome, Plan, RunProgress } from '../contract.ts'
import type { Question } from './pool.ts'

type Module = { readonly simulate: (plan: Plan, onProgress?: (progress: RunProgress) => void) => Promise<Outcome> }

// Ctrl-C goes to all processes of a terminal; the pool's owner decides what becomes of this one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit(0))

const { simulate } = (await import(pathToFileURL(process.argv[2] ?? '').href)) as Module

process.on('message', ({ plan, tells }: Question) => {
  simulate(plan, tells ? progress => process.send?.({ progress }) : undefined).then(
    outcome => process.send?.({ outcome }),
    (cause: unknown) => process.send?.({ error: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) }),
  )
})
