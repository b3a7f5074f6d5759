/** Everything about one controller, and what may be asked of it now. */
import { useSignal } from '@preact/signals'
import type { ControllerView, Problem } from '../../../src/api/contract.ts'
import type { ControllerAction } from '../../../src/model/index.ts'
import { ACTION_LABEL, act } from '../data/actions.ts'
import { connection } from '../data/connection.ts'
import { controllers, may } from '../data/fleet.ts'
import { PHASE_MEANING } from '../lib/phases.ts'
import { pathOf } from '../lib/routes.ts'
import { ControllerFacts, ControllerResources } from '../parts/controller-facts.tsx'
import { Builds, ItsAgents, ItsEvents, WaitingItems } from '../parts/controller-sections.tsx'
import { Copy } from '../parts/copy.tsx'
import { askToDelete } from '../parts/delete-dialog.tsx'
import { Empty, ProblemNote } from '../parts/empty.tsx'
import { Glyph } from '../parts/glyph.tsx'
import { LogTail } from '../parts/log-tail.tsx'
import { ReasonNote } from '../parts/reason.tsx'
import { Elapsed, Until } from '../parts/time.tsx'

export const ControllerPage = ({ name }: { readonly name: string }) => {
  const controller = controllers.watch(name)
  if (controller) return <KnownController controller={controller} />
  if (connection.value.state === 'loading')
    return (
      <div class="page centered">
        <div class="loading-bar" />
      </div>
    )
  return (
    <div class="page centered">
      <Empty isPage title={`There is no controller named ${name}`} command={`./manor controller create ${name}`}>
        <p>It may have been deleted; its events are kept.</p>
        <div class="buttons">
          <a class="button is-main" href={`${pathOf.newController}?name=${encodeURIComponent(name)}`}>
            Create it
          </a>
          <a class="button" href={`${pathOf.events}?q=${encodeURIComponent(name)}`}>
            Its events
          </a>
        </div>
      </Empty>
    </div>
  )
}

const KnownController = ({ controller }: { readonly controller: ControllerView }) => {
  const isBad = controller.phase === 'failed' || controller.phase === 'unreachable'
  return (
    <div class="page is-narrow">
      <div class="page-head">
        <div class="title-line">
          <Glyph phase={controller.phase} running={controller.running} />
          <h1>{controller.id}</h1>
          <span class="soft" aria-live="polite">
            {controller.phase}: {PHASE_MEANING[controller.phase]}
          </span>
          <span class="faint">
            for <Elapsed from={controller.phaseSince} />
          </span>
        </div>
        <Actions controller={controller} />
      </div>
      {controller.reason && <ReasonNote reason={controller.reason} isBad={isBad} />}
      {controller.nextTryAt !== undefined && (
        <p class="soft">
          Failed {controller.failures === 1 ? 'once' : `${controller.failures} times in a row`}; the next try is{' '}
          <Until at={controller.nextTryAt} />. Start tries now.
        </p>
      )}
      <div class="columns">
        <div>
          <WaitingItems name={controller.id} />
          <Builds controller={controller} />
          <ItsAgents name={controller.id} />
          <LogTail
            path={`/controllers/${encodeURIComponent(controller.id)}/log`}
            command={`./manor controller logs ${controller.id} --follow`}
          />
        </div>
        <div>
          <ControllerResources controller={controller} />
          <ControllerFacts controller={controller} />
          <ItsEvents name={controller.id} />
        </div>
      </div>
    </div>
  )
}

/** The one that most likely comes next stands out; the one that cannot be taken back looks like it. */
const buttonKind = ({ phase }: ControllerView, action: ControllerAction): string => {
  if (action === 'delete') return ' is-danger'
  return action === 'start' && (phase === 'stopped' || phase === 'failed') ? ' is-main' : ''
}

const Actions = ({ controller }: { readonly controller: ControllerView }) => {
  const isAsking = useSignal(false)
  const problem = useSignal<Problem | undefined>(undefined)
  const run = async (action: ControllerAction): Promise<void> => {
    if (action === 'delete') return askToDelete(controller.id)
    isAsking.value = true
    const answer = await act(controller.id, action)
    isAsking.value = false
    problem.value = answer.ok ? undefined : answer.problem
  }
  return (
    <div class="buttons">
      <a class={`button${controller.phase === 'ready' ? ' is-main' : ''}`} href={controller.hostUrl} target="_blank" rel="noopener">
        Open
      </a>
      <Copy text={controller.hostUrl} what="its address" />
      {may('controller:write') ? (
        controller.actions.map(action => (
          <button
            key={action}
            type="button"
            class={`button${buttonKind(controller, action)}`}
            disabled={isAsking.value}
            onClick={() => void run(action)}
          >
            {ACTION_LABEL[action]}
          </button>
        ))
      ) : (
        <span class="faint">Your role may look, not act.</span>
      )}
      {problem.value && <ProblemNote problem={problem.value} />}
    </div>
  )
}
