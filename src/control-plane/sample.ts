import { type ControllerClient, freestyleJob } from '../controllers/index.ts'
import { type Agent, type BuildResult, type ControllerId, SECOND } from '../model/index.ts'
import type { Clock } from '../runtime/index.ts'
import type { Store } from '../store/index.ts'

export const SAMPLE_JOB = 'sample'
const SAMPLE_LABEL = 'linux'
const SAMPLE_COMMAND = `echo "This build runs on an agent that Manor started for it alone."
echo "agent:     $NODE_NAME"
echo "machine:   $(uname -srm)"
echo "workspace: $WORKSPACE"
for step in one two three; do echo "step $step"; sleep 1; done`

/** Setting that says that the sample has run here once: later starts leave it alone. */
const SAMPLE_DONE = 'sample-done'
const POLL_MS = 150
/** A first build on a cold machine takes seconds; this long without an end something is wrong, and the queue item says what. */
const SAMPLE_TIMEOUT_MS = 300 * SECOND

/** What becomes of the sample build, for whoever watches. */
export type SampleNews =
  | { readonly kind: 'queued' }
  /** The agent's row changed: it was placed, launched, connected. */
  | { readonly kind: 'agent'; readonly agent: Agent }
  /** Nothing to do yet; why, in the words of the queue item's reason. */
  | { readonly kind: 'waiting'; readonly message: string }
  | { readonly kind: 'started'; readonly number: number }
  | { readonly kind: 'log'; readonly text: string }
  | { readonly kind: 'finished'; readonly number: number; readonly result: BuildResult }

export const sampleIsDone = (store: Pick<Store, 'get'>): boolean => store.get('setting', SAMPLE_DONE) !== undefined

/**
 * Makes the sample job, builds it on an agent of its own and tells how it goes. A sample build that an earlier Manor began is followed, not
 * begun again. Rejects where the controller refuses, and with a TimeoutError after five minutes.
 */
export const runSample = async (
  ports: {
    readonly store: Store
    readonly clock: Clock
    readonly client: ControllerClient
    readonly controller: ControllerId
    readonly tell: (news: SampleNews) => void
  },
  signal: AbortSignal,
): Promise<BuildResult> => {
  const { client, store, clock, tell } = ports
  const started = clock.monotonic()
  const unsubscribe = tellOfAgents(ports)
  try {
    await client.ensureJob(SAMPLE_JOB, freestyleJob({ command: SAMPLE_COMMAND, label: SAMPLE_LABEL }), signal)
    const last = await client.lastBuild(SAMPLE_JOB, signal)
    let number = (last?.number ?? 0) + 1
    if (last?.building) number = last.number
    else if (!(await client.queue(signal)).some(({ job }) => job === SAMPLE_JOB)) await client.build(SAMPLE_JOB, {}, signal)
    tell({ kind: 'queued' })
    while ((await client.buildInfo(SAMPLE_JOB, number, signal)) === undefined) {
      if (clock.monotonic() - started > SAMPLE_TIMEOUT_MS)
        throw new DOMException('The sample build did not begin within five minutes.', 'TimeoutError')
      const reason = store.get('demand', ports.controller)?.items.find(({ task }) => task === SAMPLE_JOB)?.reason
      if (reason !== undefined) tell({ kind: 'waiting', message: reason.message })
      await clock.sleep(POLL_MS, signal)
    }
    tell({ kind: 'started', number })
    for await (const text of client.followLog(SAMPLE_JOB, number, signal)) tell({ kind: 'log', text })
    const result = await resultOf(ports, number, signal)
    tell({ kind: 'finished', number, result })
    await store.transact(tx => tx.put('setting', { id: SAMPLE_DONE, value: String(tx.now) }))
    return result
  } finally {
    unsubscribe()
  }
}

const tellOfAgents = ({ store, controller, tell }: Pick<Parameters<typeof runSample>[0], 'store' | 'controller' | 'tell'>): (() => void) =>
  store.feed.subscribe(entries => {
    for (const entry of entries) {
      if (!('change' in entry) || entry.change.kind !== 'agent') continue
      const agent = store.get('agent', entry.change.id)
      if (agent?.controller === controller && agent.task === SAMPLE_JOB) tell({ kind: 'agent', agent })
    }
  })

/** The log may be complete a moment before the result is told. */
const resultOf = async (
  { client, clock }: Pick<Parameters<typeof runSample>[0], 'client' | 'clock'>,
  number: number,
  signal: AbortSignal,
): Promise<BuildResult> => {
  for (;;) {
    const build = await client.buildInfo(SAMPLE_JOB, number, signal)
    if (build !== undefined && !build.building && build.result !== undefined) return build.result
    await clock.sleep(POLL_MS, signal)
  }
}
