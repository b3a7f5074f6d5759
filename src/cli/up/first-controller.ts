import { type Manor, runSample, sampleIsDone } from '../../control-plane/index.ts'
import { createController } from '../../controllers/index.ts'
import { type BuildResult, type Controller, controllerId } from '../../model/index.ts'
import type { CliContext } from '../context.ts'
import type { Progress } from '../display/progress.ts'
import { CliError, EXIT } from '../errors.ts'
import { tellOfController, tellOfSample } from './tell.ts'

export const FIRST = controllerId('hello')
/** Enough for a bare controller; the heap is half of it. */
const FIRST_MEMORY_MB = 1024
/** A first boot on a machine that is busy: beyond this a person wants to hear that it does not come. */
const READY_TIMEOUT_MS = 300_000
const ACTOR = 'manor up'

/** Whether the sample is to run: once in the life of a home, and each time that `--once` asks for it. */
export const wantsSample = (manor: Manor, once: boolean): boolean => once || !sampleIsDone(manor.store)

/** Makes the controller `hello` where there is none, waits until it serves, and runs the sample build on it. */
export const runFirstBuild = async (manor: Manor, context: CliContext, progress: Progress, signal: AbortSignal): Promise<BuildResult> => {
  if (manor.store.get('controller', FIRST) === undefined)
    await createController(manor.store, { name: FIRST, memoryMb: FIRST_MEMORY_MB }, ACTOR)
  progress.step(`controller ${FIRST}`, `controller ${FIRST}`)
  await readyController(manor, context, tellOfController(progress), signal)
  const client = manor.clientOf(FIRST)
  if (client === undefined) throw new CliError(`Controller ${FIRST} was deleted meanwhile.`, EXIT.failed)
  return runSample({ store: manor.store, clock: context.clock, client, controller: FIRST, tell: tellOfSample(progress) }, signal)
}

/** Resolves once it is ready; rejects with exit code 1 where it does not become so in time, or somebody stops it. */
const readyController = (manor: Manor, context: CliContext, tell: (controller: Controller) => void, signal: AbortSignal): Promise<void> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = (): void => {
    const controller = manor.store.get('controller', FIRST)
    if (controller !== undefined) tell(controller)
    if (controller?.phase === 'ready') resolve()
    else if (controller?.wanted !== 'running')
      reject(new CliError(`Controller ${FIRST} was stopped or deleted meanwhile: no sample build.`, EXIT.failed))
  }
  const unsubscribe = manor.store.feed.subscribe(look)
  const cancel = context.clock.after(READY_TIMEOUT_MS, () => {
    const reason = manor.store.get('controller', FIRST)?.reason
    reject(
      new CliError(
        `Controller ${FIRST} was not ready within five minutes${reason ? `: ${reason.message}` : '.'} Its log: ./manor controller logs ${FIRST}.`,
        EXIT.failed,
      ),
    )
  })
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  look()
  return promise.finally(() => {
    unsubscribe()
    cancel()
    signal.removeEventListener('abort', onAbort)
  })
}
