import type { AgentPhase, BuildResult, ControllerPhase, HostState } from '../../model/index.ts'
import type { ColouredCell } from './table.ts'
import type { Colour, Glyphs, Terminal } from './terminal.ts'

/** How well something is, told twice: by shape for those who see no colour, and by colour. */
type Mood = keyof Pick<Glyphs, 'good' | 'moving' | 'off' | 'bad' | 'unsure'>

const COLOURS: Readonly<Record<Mood, Colour>> = { good: 'green', moving: 'yellow', off: 'dim', bad: 'red', unsure: 'yellow' }

const MOODS = {
  controller: {
    pending: 'moving',
    preparing: 'moving',
    starting: 'moving',
    ready: 'good',
    quieting: 'moving',
    stopping: 'moving',
    stopped: 'off',
    failed: 'bad',
    unreachable: 'unsure',
    deleting: 'moving',
  },
  agent: { queued: 'off', placed: 'moving', launching: 'moving', online: 'good', busy: 'good', ending: 'moving', ended: 'off' },
  host: { ready: 'good', cordoned: 'off', draining: 'moving', drained: 'off', silent: 'unsure' },
  build: { SUCCESS: 'good', UNSTABLE: 'unsure', FAILURE: 'bad', NOT_BUILT: 'off', ABORTED: 'off', running: 'moving' },
} as const satisfies {
  controller: Record<ControllerPhase, Mood>
  agent: Record<AgentPhase, Mood>
  host: Record<HostState, Mood>
  build: Record<BuildResult | 'running', Mood>
}

type States = { controller: ControllerPhase; agent: AgentPhase; host: HostState; build: BuildResult | 'running' }

/** A state as a glyph and its word, for a table. */
export const stateCell = <Kind extends keyof States>(kind: Kind, state: States[Kind], { glyphs }: Terminal): ColouredCell => {
  const moods: Readonly<Record<string, Mood>> = MOODS[kind]
  // A newer Manor may know states that this command line does not.
  const mood = moods[state] ?? 'unsure'
  return { text: `${glyphs[mood]} ${state}`, colour: COLOURS[mood] }
}

/** A state as a glyph and its word, for a line. */
export const stateText = <Kind extends keyof States>(kind: Kind, state: States[Kind], terminal: Terminal): string => {
  const { text, colour } = stateCell(kind, state, terminal)
  return terminal.paint(colour, text)
}

/** How many are in each state, in the order of `order`: `● 2 ready, ◐ 1 starting`. */
export const stateCounts = <Kind extends keyof States>(
  kind: Kind,
  counts: Readonly<Record<string, number>>,
  order: readonly States[Kind][],
  terminal: Terminal,
): string =>
  order
    .filter(state => (counts[state] ?? 0) > 0)
    .map(state => {
      const { text, colour } = stateCell(kind, state, terminal)
      const [glyph = '', word = ''] = text.split(' ')
      return `${terminal.paint(colour, glyph)} ${counts[state]} ${word}`
    })
    .join(', ')
