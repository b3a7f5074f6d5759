import type { Agent, DemandItem, Reason, Template, TemplateId } from '../model/index.ts'
import { type LabelExpression, parseLabelExpression } from './label-expression.ts'

type Why = Omit<Reason, 'since'>
type Parsed = { readonly expression: LabelExpression } | { readonly problem: string }

/** Most labels that a sentence lists. */
const LABELS_NAMED = 20

/** Tells which template or agent an item may have. Made anew for each pass; an expression is parsed once in it, however many items share it. */
export class Matcher {
  readonly #templates: readonly Template[]
  readonly #pooled: ReadonlySet<TemplateId>
  readonly #parsed = new Map<string, Parsed>()

  /** Templates in the order in which they are tried. */
  constructor(templates: readonly Template[]) {
    this.#templates = templates
    this.#pooled = new Set(templates.flatMap(({ id, spares = 0 }) => (spares > 0 ? [id] : [])))
  }

  /** The first template that the item can run on, or why there is none. */
  templateFor({ label }: DemandItem): Template | Why {
    if (label === undefined) return this.#templates.find(({ takesUnlabelled }) => takesUnlabelled) ?? NO_UNLABELLED
    const parsed = this.#parse(label)
    if ('problem' in parsed)
      return {
        code: 'no-template',
        message: `Its label expression "${label}" cannot be read: ${parsed.problem}.`,
        mend: 'Correct the label of the job.',
      }
    return this.#templates.find(template => parsed.expression(labelsOf(template))) ?? this.#noTemplate(label)
  }

  /** Whether the controller may give the item to this agent. */
  serves(agent: Pick<Agent, 'label' | 'takesUnlabelled'>, { label }: DemandItem): boolean {
    if (label === undefined) return agent.takesUnlabelled === true
    const parsed = this.#parse(label)
    return 'expression' in parsed && parsed.expression(new Set(agent.label.split(' ')))
  }

  /** Whether an agent that no item needs may stay as a warm spare. */
  mayBeSpare({ item, template }: Pick<Agent, 'item' | 'template'>): boolean {
    return item === undefined || this.#pooled.has(template)
  }

  #parse(label: string): Parsed {
    const known = this.#parsed.get(label)
    if (known) return known
    const parsed = parse(label)
    this.#parsed.set(label, parsed)
    return parsed
  }

  #noTemplate(label: string): Why {
    const known = [...new Set(this.#templates.flatMap(({ labels }) => labels))].sort()
    const named = known.slice(0, LABELS_NAMED).join(', ')
    const more = known.length > LABELS_NAMED ? ` and ${known.length - LABELS_NAMED} more` : ''
    return {
      code: 'no-template',
      message: `No template has label ${label}; known labels: ${named === '' ? 'none' : `${named}${more}`}.`,
      mend: 'Correct the label of the job, or give a template that label: ./manor template apply FILE.',
    }
  }
}

/** Rows never change: the set of one is made once, not at each of the passes. */
const labelsOf = (template: Template): ReadonlySet<string> => {
  const known = LABELS.get(template)
  if (known) return known
  const labels = new Set(template.labels)
  LABELS.set(template, labels)
  return labels
}
const LABELS = new WeakMap<Template, ReadonlySet<string>>()

const NO_UNLABELLED: Why = {
  code: 'no-template',
  message: 'It has no label, and no template takes items without one.',
  mend: 'Give the job a label, or apply a template with takesUnlabelled: ./manor template apply FILE.',
}

const parse = (label: string): Parsed => {
  try {
    return { expression: parseLabelExpression(label) }
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    return { problem: cause.message }
  }
}
