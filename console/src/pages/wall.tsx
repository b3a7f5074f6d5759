/**
 * The wall: a window for each controller. Its cost: one element a square in one pass (2,000 in about 40 ms); afterwards a change renders
 * its own square, and groups are worked out again four times a second at most and rendered only where their members changed.
 */
import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { connection } from '../data/connection.ts'
import { controllers } from '../data/fleet.ts'
import { parseFilter } from '../lib/filter.ts'
import { counted, formatCount } from '../lib/format.ts'
import { query, setQuery } from '../lib/history.ts'
import { neighbourOf } from '../lib/neighbour.ts'
import { type ControllerPhase, countPhases, isPhase, PHASE_MEANING, PHASES_BY_WEIGHT } from '../lib/phases.ts'
import { pathOf } from '../lib/routes.ts'
import { controllerMatches, groupControllers, keepUnchanged, type WallGroup } from '../lib/wall-groups.ts'
import { Empty } from '../parts/empty.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { Glyph } from '../parts/glyph.tsx'
import { ControllersTable } from './controllers-table.tsx'
import { OverviewStrip } from './overview-strip.tsx'
import { Square } from './square.tsx'
import { CARD_ID, type CardTarget, SquareCard } from './square-card.tsx'

/** Up to so many controllers fit a screen with their names; the squares of more stand bare, and say theirs on demand. */
const MOST_NAMED = 60

const chosenPhases = (): ReadonlySet<ControllerPhase> => new Set((query.value.get('phase') ?? '').split(',').filter(isPhase))

export const WallPage = () => {
  const shown = useComputed(() => {
    const terms = parseFilter(query.value.get('q') ?? '')
    const phases = chosenPhases()
    return controllers.all.value.filter(controller => controllerMatches(controller, terms, phases))
  })
  const isList = query.value.get('view') === 'list'
  if (controllers.ids.value.length === 0 && connection.value.state !== 'loading')
    return (
      <div class="page centered">
        <Empty isPage title="No controller yet" command="./manor controller create team-a --memory 1g">
          <p>
            A controller is a Jenkins of its own for one team: its own address, its own plugins, its own agents. Make the first one here or
            on the command line; it is ready in less than a minute.
          </p>
          <a class="button is-main" href={pathOf.newController}>
            New controller
          </a>
        </Empty>
        <ShapesToKnow />
      </div>
    )
  return (
    <div class="page">
      <h1 class="visually-hidden">Controllers</h1>
      <OverviewStrip />
      <Toolbar isList={isList} shownCount={shown.value.length} />
      {shown.value.length === 0 ? <NothingMatches /> : isList ? <ControllersTable rows={shown.value} /> : <Wall shown={shown.value} />}
    </div>
  )
}

/** An empty wall is the moment to learn how to read a full one. */
const ShapesToKnow = () => (
  <section class="shapes" aria-labelledby="shapes-title">
    <h2 id="shapes-title">Each controller will be a square here</h2>
    <dl>
      {PHASES_BY_WEIGHT.map(phase => (
        <div key={phase}>
          <dt class="with-glyph">
            <Glyph phase={phase} />
            {phase}
          </dt>
          <dd>{PHASE_MEANING[phase]}</dd>
        </div>
      ))}
      <div>
        <dt class="with-glyph">
          <Glyph phase="ready" running={1} />
          with a light
        </dt>
        <dd>builds run in it</dd>
      </div>
    </dl>
  </section>
)

const NothingMatches = () => (
  <Empty title="No controller matches">
    <p>
      Words match names, tenants, phases, hosts and reasons; <code>tenant:payments</code> looks in one place, <code>-ready</code> leaves
      out.
    </p>
    <button type="button" class="button" onClick={() => setQuery({ q: '', phase: '' })}>
      Clear the filter
    </button>
  </Empty>
)

const Toolbar = ({ isList, shownCount }: { readonly isList: boolean; readonly shownCount: number }) => {
  const isFlat = query.value.get('group') === 'none'
  const isFiltered = query.value.get('q') || query.value.get('phase')
  return (
    <div class="toolbar">
      <FilterBox label="Filter controllers" placeholder="Filter: name, tenant:, host:" />
      <div class="end">
        <span class="visually-hidden" aria-live="polite">
          {isFiltered ? counted(shownCount, 'controller matches', 'controllers match') : ''}
        </span>
        {!isList && (
          <button type="button" class="chip" aria-pressed={!isFlat} onClick={() => setQuery({ group: isFlat ? '' : 'none' })}>
            By tenant
          </button>
        )}
        <button type="button" class="chip" aria-pressed={isList} onClick={() => setQuery({ view: isList ? '' : 'list', sort: '' })}>
          As a list
        </button>
      </div>
      <PhaseChips />
    </div>
  )
}

/** Filter and legend in one: each phase that there is, its shape, its count. */
const PhaseChips = () => {
  const counts = countPhases(controllers.all.value)
  const chosen = chosenPhases()
  const toggle = (phase: ControllerPhase): void => {
    const next = new Set(chosen)
    if (!next.delete(phase)) next.add(phase)
    setQuery({ phase: [...next].join(',') })
  }
  return (
    <fieldset class="chips" aria-label="Phases">
      {PHASES_BY_WEIGHT.filter(phase => counts.has(phase) || chosen.has(phase)).map(phase => (
        <button
          key={phase}
          type="button"
          class="chip"
          aria-pressed={chosen.has(phase)}
          title={`A ${phase} controller ${PHASE_MEANING[phase]}.`}
          onClick={() => toggle(phase)}
        >
          <Glyph phase={phase} />
          {phase} <b>{formatCount(counts.get(phase) ?? 0)}</b>
        </button>
      ))}
    </fieldset>
  )
}

const Wall = ({ shown }: { readonly shown: Parameters<typeof groupControllers>[0] }) => {
  const wall = useRef<HTMLDivElement>(null)
  const before = useRef<readonly WallGroup[]>([])
  const target = useSignal<CardTarget | undefined>(undefined)
  const byTenant = query.value.get('group') !== 'none'
  const isRoomy = shown.length <= MOST_NAMED
  const groups = keepUnchanged(before.current, groupControllers(shown, byTenant))
  before.current = groups

  // One square is in the tab order: the last that had the focus, else the first.
  useEffect(() => {
    const element = wall.current
    if (element && !element.querySelector('.square[tabindex="0"]')) element.querySelector('.square')?.setAttribute('tabindex', '0')
  }, [groups])
  useEffect(() => {
    const hide = (): void => {
      target.value = undefined
    }
    addEventListener('scroll', hide, { passive: true })
    return () => removeEventListener('scroll', hide)
  }, [target])

  const squareOf = (event: Event): HTMLElement | undefined => {
    const square = event.target instanceof Element ? event.target.closest('.square') : null
    return square instanceof HTMLElement ? square : undefined
  }
  const show = (event: Event): void => {
    const element = squareOf(event)
    const id = element?.dataset.id
    target.value = element && id ? { id, element } : undefined
  }
  const onFocus = (event: FocusEvent): void => {
    const element = squareOf(event)
    if (!element) return
    for (const other of wall.current?.querySelectorAll('.square[tabindex="0"]') ?? []) other.setAttribute('tabindex', '-1')
    element.setAttribute('tabindex', '0')
    element.setAttribute('aria-describedby', CARD_ID)
    if (element.matches(':focus-visible')) show(event)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const element = squareOf(event)
    if (!element || !wall.current || event.altKey || event.ctrlKey || event.metaKey) return
    if (event.key === 'Escape') target.value = undefined
    const squares = [...wall.current.querySelectorAll<HTMLElement>('.square')]
    const from = squares.indexOf(element)
    const next = neighbourOf(
      squares.map(square => square.getBoundingClientRect()),
      from,
      event.key,
    )
    if (next === from) return
    event.preventDefault()
    squares[next]?.focus()
    squares[next]?.scrollIntoView({ block: 'nearest' })
  }
  return (
    <section aria-label="Wall of controllers; arrow keys move, Enter opens">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the squares inside are links; this only listens to what bubbles. */}
      <div
        ref={wall}
        class={`wall${byTenant ? '' : ' is-flat'}${isRoomy ? ' is-roomy' : ''}`}
        onFocusIn={onFocus}
        onFocusOut={() => {
          target.value = undefined
        }}
        onPointerOver={show}
        onPointerLeave={() => {
          target.value = undefined
        }}
        onKeyDown={onKeyDown}
      >
        {groups.map(group => (
          <Group key={group.tenant} group={group} isRoomy={isRoomy} />
        ))}
      </div>
      <SquareCard target={target} />
    </section>
  )
}

const Group = ({ group, isRoomy }: { readonly group: WallGroup; readonly isRoomy: boolean }) => (
  <section class="wall-group" aria-label={group.tenant === '' ? 'All controllers' : `Tenant ${group.tenant}`}>
    {group.tenant !== '' && (
      <h3>
        <a href={pathOf.wallOfTenant(group.tenant)}>{group.tenant}</a>
        <span>{formatCount(group.ids.length)}</span>
      </h3>
    )}
    <div class="squares">
      {group.ids.map(id => (
        <Square key={id} id={id} isRoomy={isRoomy} />
      ))}
    </div>
  </section>
)
