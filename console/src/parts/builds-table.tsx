import type { BuildView } from '../../../src/api/contract.ts'
import type { Answer } from '../data/api.ts'
import { pathOf } from '../lib/routes.ts'
import { ProblemNote } from './empty.tsx'
import { type Column, Table } from './table.tsx'
import { Ago, Elapsed } from './time.tsx'

/** A result has a mark of its own beside its word, so that colour is not needed to tell it. */
const RESULT: Readonly<Record<NonNullable<BuildView['result']>, { readonly mark: string; readonly word: string }>> = {
  SUCCESS: { mark: 'dot is-busy', word: 'success' },
  UNSTABLE: { mark: 'dot is-launching', word: 'unstable' },
  FAILURE: { mark: 'dot is-failure', word: 'failure' },
  NOT_BUILT: { mark: 'dot', word: 'not built' },
  ABORTED: { mark: 'dot is-ending', word: 'aborted' },
}

const Result = ({ build }: { readonly build: BuildView }) => {
  const result = build.result === undefined ? undefined : RESULT[build.result]
  return (
    <span class="with-glyph">
      <span class={result?.mark ?? 'dot is-placed'} aria-hidden="true" />
      {result?.word ?? 'runs'}
    </span>
  )
}

const COLUMNS: readonly Column<BuildView>[] = [
  {
    key: 'job',
    title: 'Build',
    cell: build => (
      <a href={build.url} target="_blank" rel="noopener">
        {build.job} #{build.number}
      </a>
    ),
  },
  { key: 'result', title: 'Result', width: '104px', cell: build => <Result build={build} /> },
  {
    key: 'took',
    title: 'Took',
    width: '110px',
    className: 'number',
    cell: build => <Elapsed from={build.startedAt} until={build.endedAt} />,
  },
  { key: 'started', title: 'Started', width: '104px', className: 'number hide-narrow', cell: build => <Ago at={build.startedAt} /> },
  {
    key: 'agent',
    title: 'Agent',
    width: '24%',
    className: 'hide-medium',
    cell: build =>
      build.agent === undefined ? <span class="faint">on the controller</span> : <a href={pathOf.agent(build.agent)}>{build.agent}</a>,
  },
]

export const BuildsTable = ({ answer }: { readonly answer: Answer<BuildView[]> | undefined }) => {
  if (answer === undefined) return <div class="loading-bar" />
  if (!answer.ok) return <ProblemNote problem={answer.problem} />
  return (
    <Table
      label="Builds"
      isShort
      rows={answer.value}
      rowKey={build => `${build.controller}/${build.job}/${build.number}`}
      columns={COLUMNS}
      empty={
        <div class="empty">
          <p>No build so far. Open the controller and make a job; its builds show here as they start.</p>
        </div>
      }
    />
  )
}
