/** What stands where nothing is: what would be here, and the exact next step. */
import type { ComponentChildren } from 'preact'
import type { Problem } from '../../../src/api/contract.ts'
import { Command } from './copy.tsx'

type EmptyProps = {
  readonly title: string
  /** The whole page is this, so its title is the page's. */
  readonly isPage?: boolean
  readonly command?: string | undefined
  readonly children?: ComponentChildren
}

export const Empty = ({ title, isPage = false, command, children }: EmptyProps) => (
  <div class="empty">
    {isPage ? <h1>{title}</h1> : <h2>{title}</h2>}
    {children}
    {command && <Command line={command} />}
  </div>
)

export const ProblemNote = ({ problem, onRetry }: { readonly problem: Problem; readonly onRetry?: (() => void) | undefined }) => (
  <div class="callout is-bad" role="alert">
    <strong>{problem.title}</strong>
    <p>{problem.detail}</p>
    {problem.allowed && problem.allowed.length > 0 && <p class="soft">Allowed now: {problem.allowed.join(', ')}.</p>}
    {onRetry && (
      <p>
        <button type="button" class="button is-small" onClick={onRetry}>
          Try again
        </button>
      </p>
    )}
  </div>
)
