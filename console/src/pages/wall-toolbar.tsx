/** What narrows the wall and how it is laid out; all of it is in the address. */
import { controllers } from '../data/fleet.ts'
import { counted, formatCount } from '../lib/format.ts'
import { query, setQuery } from '../lib/history.ts'
import { type ControllerPhase, countPhases, isPhase, PHASE_MEANING, PHASES_BY_WEIGHT } from '../lib/phases.ts'
import { FilterBox } from '../parts/filter-box.tsx'
import { Glyph } from '../parts/glyph.tsx'

export const chosenPhases = (): ReadonlySet<ControllerPhase> => new Set((query.value.get('phase') ?? '').split(',').filter(isPhase))

export const WallToolbar = ({ isList, shownCount }: { readonly isList: boolean; readonly shownCount: number }) => {
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
