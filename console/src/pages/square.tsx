/** One controller on the wall, rendered again only when its own row changes: a bare window on a full wall, a named one where there is room. */
import { useEffect, useRef } from 'preact/hooks'
import type { ControllerView } from '../../../src/api/contract.ts'
import { controllers } from '../data/fleet.ts'
import { formatCount } from '../lib/format.ts'
import { describeController } from '../lib/phases.ts'
import { pathOf } from '../lib/routes.ts'
import { Glyph, glyphClass } from '../parts/glyph.tsx'
import { Age } from '../parts/time.tsx'

const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)')

/**
 * A ring that widens and fades: the eye is led to what changed, once. It moves by scale and opacity alone, so that the compositor draws it and
 * the wall is not painted again at each frame.
 */
const showArrival = (element: HTMLElement): void => {
  if (reducedMotion.matches) return
  const glyph = element.querySelector('.glyph') ?? element
  glyph.classList.add('arrives')
  glyph.addEventListener('animationend', () => glyph.classList.remove('arrives'), { once: true })
}

export const Square = ({ id, isRoomy }: { readonly id: string; readonly isRoomy: boolean }) => {
  const element = useRef<HTMLAnchorElement>(null)
  const shownPhase = useRef<string | undefined>(undefined)
  const controller = controllers.watch(id)
  const phase = controller?.phase
  useEffect(() => {
    if (shownPhase.current !== undefined && shownPhase.current !== phase && element.current) showArrival(element.current)
    shownPhase.current = phase
  }, [phase])
  if (!controller) return null
  return (
    <a
      ref={element}
      class={`square ${isRoomy ? `is-roomy is-${controller.phase}` : glyphClass(controller.phase, controller.running)}`}
      href={pathOf.controller(id)}
      data-id={id}
      tabIndex={-1}
      aria-label={describeController(controller)}
    >
      {isRoomy && <RoomyInside controller={controller} />}
    </a>
  )
}

const RoomyInside = ({ controller }: { readonly controller: ControllerView }) => {
  const { id, phase, phaseSince, running, queued } = controller
  const busy = [running > 0 ? `${formatCount(running)} building` : '', queued > 0 ? `${formatCount(queued)} waiting` : ''].filter(Boolean)
  return (
    <>
      <Glyph phase={phase} running={running} />
      <span class="clip">{id}</span>
      <span class="clip soft">
        {busy.length > 0 ? (
          busy.join(', ')
        ) : (
          <>
            {phase} for <Age at={phaseSince} />
          </>
        )}
      </span>
    </>
  )
}
