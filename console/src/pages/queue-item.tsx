/** One waiting item: why it waits and everything that was tried. */
import type { ExplanationView } from '../../../src/api/contract.ts'
import { get } from '../data/api.ts'
import { queues } from '../data/fleet.ts'
import { pathOf } from '../lib/routes.ts'
import { useFetched } from '../lib/use-fetched.ts'
import { Explanation } from '../parts/explanation.tsx'
import { AgentPhaseLabel } from '../parts/glyph.tsx'
import { Elapsed } from '../parts/time.tsx'

export const QueueItemPage = ({ controller, item }: { readonly controller: string; readonly item: string }) => {
  const live = queues.watch(controller)?.find(candidate => candidate.item === item)
  const path = `/queue/${encodeURIComponent(controller)}/${encodeURIComponent(item)}/explanation`
  const answer = useFetched(() => get<ExplanationView>(path), `${path} ${live?.reason?.since ?? ''} ${live?.agentPhase ?? ''}`)
  return (
    <div class="page is-narrow">
      <div class="page-head">
        <h1>{live?.task ?? `Item ${item}`}</h1>
        <span class="soft">
          {live ? (
            <>
              waits for <Elapsed from={live.since} />
            </>
          ) : (
            'waits no longer'
          )}
        </span>
      </div>
      <dl class="facts">
        <dt>Controller</dt>
        <dd>
          <a href={pathOf.controller(controller)}>{controller}</a>
        </dd>
        {live?.label !== undefined && (
          <>
            <dt>Label</dt>
            <dd>{live.label}</dd>
          </>
        )}
        {live?.agent !== undefined && (
          <>
            <dt>Agent</dt>
            <dd>
              <a href={pathOf.agent(live.agent)}>{live.agent}</a> {live.agentPhase && <AgentPhaseLabel phase={live.agentPhase} />}
            </dd>
          </>
        )}
        {live?.why !== undefined && (
          <>
            <dt>In the controller's words</dt>
            <dd>{live.why}</dd>
          </>
        )}
      </dl>
      <Explanation answer={answer.value} reason={live?.reason} command={`./manor agent explain ${controller}/${item}`} />
    </div>
  )
}
