import { ensureConsole } from '../../../scripts/build-console.ts'
import type { ShutdownRequest } from '../../api/index.ts'
import { type Manor, takeFleetDown } from '../../control-plane/index.ts'
import { ClientError, setDefaultProgram } from '../../controllers/index.ts'
import type { Controller } from '../../model/index.ts'
import type { CommonOptions } from '../command-module.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { createProgress, type Progress } from '../display/progress.ts'
import { CliError, EXIT } from '../errors.ts'
import { count } from '../output/units.ts'
import { beginManor } from './begin.ts'
import { runFirstBuild, wantsSample } from './first-controller.ts'
import type { UpOptions } from './options.ts'
import { ROOT } from './places.ts'

/** Starts Manor and stays until it is told to end. Rejects with a CliError where the sample build of `--once` did not succeed. */
export const runUp = async (context: CliContext, options: UpOptions & CommonOptions): Promise<void> => {
  const progress = createProgress(context, context.stdout)
  try {
    await ensureConsole({ root: ROOT, say: line => progress.say(line) }).catch((cause: unknown) =>
      // Manor is of use without its pages; the page in their place says how to build them.
      progress.say(`The console could not be built, so there are no pages: ${cause instanceof Error ? cause.message : String(cause)}`),
    )
    const told = Promise.withResolvers<ShutdownRequest>()
    const manor = await beginManor(context, progress, { ...options, onShutdown: told.resolve })
    let stopped: Promise<void> | undefined
    const stop = (): Promise<void> => (stopped ??= manor.stop())
    try {
      await serve(context, progress, manor, options, told.promise)
    } finally {
      await stop()
    }
  } finally {
    progress.close()
  }
}

const serve = async (
  context: CliContext,
  progress: Progress,
  manor: Manor,
  options: UpOptions & CommonOptions,
  told: Promise<ShutdownRequest>,
): Promise<void> => {
  progress.say(`Manor listens on ${manor.url}`)
  tellOfAdopted(manor, progress)
  const ends = new AbortController()
  const request = told.then(asked => {
    ends.abort(new DOMException('Manor was told to end.', 'AbortError'))
    return asked
  })
  const signal = AbortSignal.any([context.signal, ends.signal])
  const result = await firstSteps(context, progress, manor, options, signal)
  if (options.once) {
    await takeDown(manor, progress, false, context.signal)
    if (result !== 'SUCCESS') throw new CliError(`The sample build ended with ${result}.`, EXIT.failed)
    return
  }
  if (!signal.aborted) {
    progress.say(`The console: ${await manor.signInLink()}`)
    progress.say(`(good once, for ten minutes; a fresh one: ${PROGRAM} console)`)
    progress.say(`Ctrl-C ends Manor alone, its controllers go on; ${PROGRAM} down stops all.`)
  }
  const asked = await Promise.race([request, aborted(context.signal)])
  if (asked?.controllers) await takeDown(manor, progress, asked.now, context.signal)
  else progress.say(`Manor ends; ${tellOfRunning(manor)}.`)
}

/** Chooses the program for new controllers, then runs the sample where it is wanted. Resolves to its result, undefined where none ran. */
const firstSteps = async (
  context: CliContext,
  progress: Progress,
  manor: Manor,
  options: UpOptions,
  signal: AbortSignal,
): Promise<string | undefined> => {
  try {
    await chooseProgram(progress, manor, options, signal)
    if (!options.sample || !wantsSample(manor, options.once ?? false)) return undefined
    return await runFirstBuild(manor, context, progress, signal)
  } catch (cause) {
    if (options.once || signal.aborted) {
      if (signal.aborted && !options.once) return undefined
      // Also after ctrl-C: what --once began, it takes down. A second ctrl-C ends that too.
      await takeDown(manor, progress, true, new AbortController().signal)
      throw cause instanceof ClientError || cause instanceof DOMException ? new CliError(cause.message, EXIT.failed, { cause }) : cause
    }
    // Manor itself is well: it stays, and a person can look.
    progress.fail('build', cause instanceof Error ? cause.message : String(cause))
    return undefined
  }
}

const chooseProgram = async (progress: Progress, manor: Manor, options: UpOptions, signal: AbortSignal): Promise<void> => {
  progress.step('program', 'controllers run')
  const { program, why } = await manor.programs.provide(
    { distribution: options.distribution ?? 'auto', ...(options.war === undefined ? {} : { war: options.war }) },
    ({ message, doneBytes, totalBytes }) =>
      progress.update(
        'program',
        message,
        doneBytes === undefined || totalBytes === undefined ? undefined : { done: doneBytes, total: totalBytes },
      ),
    signal,
  )
  await setDefaultProgram(
    manor.store,
    { distribution: program.distribution, ...(options.war === undefined ? {} : { war: options.war }) },
    'manor up',
  )
  progress.done(
    'program',
    `${program.distribution === 'jenkins' ? 'Jenkins' : 'Hudson'} ${program.version} on Java ${program.javaRelease}. ${why}`,
  )
}

const tellOfAdopted = (manor: Manor, progress: Progress): void => {
  const controllers = runningControllers(manor)
  const agents = manor.store.by('agentsByLife', 'live').filter(({ phase }) => phase !== 'queued')
  if (controllers.length > 0)
    progress.say(
      `Found ${controllers.map(({ id }) => id).join(', ')} running${agents.length > 0 ? `, with ${count(agents.length, 'agent')}` : ''}: nothing was restarted.`,
    )
}

const runningControllers = (manor: Manor): Controller[] =>
  manor.store.list('controller').filter(({ phase }) => phase === 'ready' || phase === 'starting' || phase === 'quieting')

const tellOfRunning = (manor: Manor): string => {
  const running = runningControllers(manor)
  return running.length === 0
    ? 'no controller runs'
    : `${running.map(({ id }) => id).join(', ')} ${running.length === 1 ? 'goes' : 'go'} on`
}

/** Takes all down and shows it; resolves when all is gone. */
export const takeDown = async (manor: Manor, progress: Progress, now: boolean, signal: AbortSignal): Promise<void> => {
  const waiting = new Map<string, string>()
  let agents = 0
  await takeFleetDown(
    {
      store: manor.store,
      observations: () => manor.plane.observer.all(),
      onChange: remaining => {
        const ids = new Set<string>(remaining.controllers.map(({ id }) => id))
        for (const { id, phase, reason } of remaining.controllers) {
          const text = reason === undefined ? phase : `${phase}: ${reason.message}`
          if (!waiting.has(id)) progress.step(`stop ${id}`, `controller ${id}`)
          if (waiting.get(id) !== text) progress.update(`stop ${id}`, text)
          waiting.set(id, text)
        }
        for (const id of waiting.keys()) if (!ids.has(id) && waiting.delete(id)) progress.done(`stop ${id}`, 'stopped')
        if (agents === 0 && remaining.agents > 0) progress.step('agents', 'agents')
        if (remaining.agents !== agents && remaining.agents > 0) progress.update('agents', `${remaining.agents} left`)
        if (remaining.agents === 0 && agents > 0) progress.done('agents', 'none is left')
        agents = remaining.agents
      },
    },
    now ? 'down-now' : 'down',
    'manor down',
    signal,
  )
  progress.say('All is down. What each controller was wanted to be is kept: ./manor up brings it back.')
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise(resolve => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
