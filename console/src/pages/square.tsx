/** One controller on the wall: one element, rendered again only when its own row changes. */
import { useEffect, useRef } from 'preact/hooks'
import { controllers } from '../data/fleet.ts'
import { describeController } from '../lib/phases.ts'
import { pathOf } from '../lib/routes.ts'
import { glyphClass } from '../parts/glyph.tsx'

const ARRIVAL_MS = 700
const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)')

/** A ring that widens and fades: the eye is led to what changed, once. */
const showArrival = (element: HTMLElement): void => {
  if (reducedMotion.matches) return
  const colour = getComputedStyle(element).getPropertyValue('--state')
  element.animate([{ boxShadow: `0 0 0 0 ${colour}` }, { boxShadow: `0 0 0 7px transparent` }], {
    duration: ARRIVAL_MS,
    easing: 'ease-out',
  })
}

export const Square = ({ id }: { readonly id: string }) => {
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
    // biome-ignore lint/a11y/useAnchorContent: its label says what it is; a text node more would be 2,000 more.
    <a
      ref={element}
      class={`square ${glyphClass(controller.phase, controller.running)}`}
      href={pathOf.controller(id)}
      data-id={id}
      tabIndex={-1}
      aria-label={describeController(controller)}
    />
  )
}
