/** Why, and everything that led there: the API's own explanation. */
import type { ExplanationView } from '../../../src/api/contract.ts'
import type { Answer } from '../data/api.ts'
import { Command } from './copy.tsx'
import { ProblemNote } from './empty.tsx'
import { ReasonNote } from './reason.tsx'
import { Timeline } from './timeline.tsx'

type ExplanationProps = {
  readonly answer: Answer<ExplanationView> | undefined
  readonly command: string
  /** What the live row says, where the explanation itself has no reason. */
  readonly reason?: ExplanationView['reason'] | undefined
}

export const Explanation = ({ answer, command, reason: known }: ExplanationProps) => {
  if (answer === undefined) return <div class="loading-bar" />
  if (!answer.ok) return <ProblemNote problem={answer.problem} />
  const { timeline } = answer.value
  const reason = answer.value.reason ?? known
  return (
    <section class="section" aria-label="Explanation">
      {reason && <ReasonNote reason={reason} isBad={false} />}
      <header>
        <h2>What happened</h2>
      </header>
      <Timeline moments={timeline.map((moment, index) => ({ key: index, ...moment }))} />
      <p>
        <Command line={command} />
      </p>
    </section>
  )
}
