/** A field of a form: its label, what it takes, and what is wrong with what it holds, at its place. */
import type { ComponentChildren } from 'preact'

type FieldProps = {
  readonly id: string
  readonly label: string
  readonly hint: string
  readonly problem: string | undefined
  readonly children: ComponentChildren
}

/** The control inside has the id, and `ID-hint` describes it. */
export const Field = ({ id, label, hint, problem, children }: FieldProps) => (
  <div class="field">
    <label for={id}>{label}</label>
    {children}
    <span id={`${id}-hint`} class={problem === undefined ? 'hint' : 'error'} aria-live="polite">
      {problem ?? hint}
    </span>
  </div>
)
