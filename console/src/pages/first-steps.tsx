/** A fleet without controllers: how to make one, and how to read the wall that comes of it. */
import { PHASE_MEANING, PHASES_BY_WEIGHT } from '../lib/phases.ts'
import { pathOf } from '../lib/routes.ts'
import { Empty } from '../parts/empty.tsx'
import { Glyph } from '../parts/glyph.tsx'

export const FirstSteps = () => (
  <div class="page centered">
    <Empty isPage title="No controller yet" command="./manor controller create team-a --memory 1g">
      <p>
        A controller is a Jenkins of its own for one team: its own address, its own plugins, its own agents. Make the first one here or on
        the command line; it is ready in less than a minute.
      </p>
      <a class="button is-main" href={pathOf.newController}>
        New controller
      </a>
    </Empty>
    <ShapesToKnow />
  </div>
)

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
