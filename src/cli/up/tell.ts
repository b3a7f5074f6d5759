import type { SampleNews } from '../../control-plane/index.ts'
import { type Agent, type Controller, SECOND } from '../../model/index.ts'
import type { Progress } from '../display/progress.ts'

const seconds = (ms: number): string => `${(Math.max(0, ms) / SECOND).toFixed(1)} s`

/** Shows each phase that a controller goes through, with the seconds that the phase before took. */
export const tellOfController = (progress: Progress): ((controller: Controller) => void) => {
  let last: Controller | undefined
  return controller => {
    if (last?.phase === controller.phase && last.reason?.message === controller.reason?.message) return
    const firstLook = last === undefined
    const took =
      last === undefined || last.phase === controller.phase
        ? ''
        : ` (${last.phase} took ${seconds(controller.phaseSince - last.phaseSince)})`
    last = controller
    const id = `controller ${controller.id}`
    if (controller.phase === 'ready') {
      if (firstLook) return progress.done(id, 'ready')
      const total =
        controller.readyAt !== undefined && controller.startedAt !== undefined
          ? `, ${seconds(controller.readyAt - controller.startedAt)} after its start`
          : ''
      progress.done(id, `ready${total}${took}`)
    } else if (controller.phase === 'failed')
      progress.fail(
        id,
        `failed: ${controller.reason?.message ?? 'no reason is known'}${controller.reason?.mend ? ` ${controller.reason.mend}` : ''}`,
      )
    else {
      // A failure ended the step; the next try is one of its own.
      if (took.startsWith(' (failed')) progress.step(id, id)
      progress.update(id, `${controller.phase}${took}${controller.reason ? `: ${controller.reason.message}` : ''}`)
    }
  }
}

/** Shows what becomes of the sample build. */
export const tellOfSample = (progress: Progress): ((news: SampleNews) => void) => {
  let phase: Agent['phase'] | undefined
  let waiting: string | undefined
  let rest = ''
  const flush = (text: string): void => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) progress.log(line.replace(/\r$/, ''))
  }
  return news => {
    switch (news.kind) {
      case 'queued':
        progress.step('build', 'sample build')
        progress.update('build', 'queued')
        return
      case 'waiting':
        if (news.message !== waiting) progress.update('build', news.message)
        waiting = news.message
        return
      case 'agent':
        if (news.agent.phase !== phase) tellOfAgent(progress, news.agent)
        phase = news.agent.phase
        return
      case 'started':
        progress.update('build', `running as build ${news.number}`)
        return
      case 'log':
        flush(news.text)
        return
      case 'finished':
        if (rest !== '') flush('\n')
        if (news.result === 'SUCCESS') progress.done('build', news.result)
        else progress.fail('build', news.result)
    }
  }
}

const tellOfAgent = (progress: Progress, agent: Agent): void => {
  const id = `agent ${agent.id}`
  const since = (from: number | undefined, to: number | undefined): string =>
    from === undefined || to === undefined ? '' : ` after ${seconds(to - from)}`
  switch (agent.phase) {
    case 'queued':
      progress.step(id, id)
      return
    case 'placed':
      progress.update(id, `placed on ${agent.host ?? 'a host'}${since(agent.queuedAt, agent.placedAt)}`)
      return
    case 'launching':
      progress.update(id, 'launched')
      return
    case 'online':
      progress.update(id, `online${since(agent.launchedAt, agent.onlineAt)}`)
      return
    case 'busy':
      progress.done(id, `builds${since(agent.queuedAt, agent.busyAt)} in the queue`)
      return
    case 'ending':
    case 'ended':
      if (agent.busyAt === undefined && agent.reason !== undefined) progress.fail(id, agent.reason.message)
      return
  }
}
