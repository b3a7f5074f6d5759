/** What a square stands for, beside the square that has the pointer or the focus. */
import type { ReadonlySignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { controllers } from '../data/fleet.ts'
import { formatMemory } from '../lib/format.ts'
import { Glyph } from '../parts/glyph.tsx'
import { Age } from '../parts/time.tsx'

export const CARD_ID = 'square-card'
const GAP_PX = 10

export type CardTarget = { readonly id: string; readonly element: HTMLElement }

export const SquareCard = ({ target }: { readonly target: ReadonlySignal<CardTarget | undefined> }) => {
  const card = useRef<HTMLDivElement>(null)
  const shown = target.value
  const controller = shown ? controllers.watch(shown.id) : undefined
  useLayoutEffect(() => {
    const element = card.current
    if (!element || !shown) return
    const square = shown.element.getBoundingClientRect()
    const { width, height } = element.getBoundingClientRect()
    const left = Math.min(Math.max(GAP_PX, square.left + square.width / 2 - width / 2), innerWidth - width - GAP_PX)
    const below = square.bottom + GAP_PX
    const top = below + height < innerHeight ? below : square.top - height - GAP_PX
    element.style.translate = `${Math.round(left)}px ${Math.round(top)}px`
  })
  return (
    <div ref={card} id={CARD_ID} class="square-card" role="tooltip" hidden={!controller}>
      {controller && (
        <>
          <span class="with-glyph">
            <Glyph phase={controller.phase} running={controller.running} />
            <strong>{controller.id}</strong>
          </span>
          <p class="soft">
            {controller.tenant}, {controller.phase} for <Age at={controller.phaseSince} />
          </p>
          {controller.reason && <p>{controller.reason.message}</p>}
          <dl>
            <dt>Building</dt>
            <dd>{controller.running}</dd>
            <dt>Waiting</dt>
            <dd>{controller.queued}</dd>
            <dt>Memory</dt>
            <dd>
              {controller.memoryMb === undefined ? '' : `${formatMemory(controller.memoryMb)} of `}
              {formatMemory(controller.spec.memoryMb)}
            </dd>
          </dl>
        </>
      )}
    </div>
  )
}
