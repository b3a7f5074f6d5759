/**
 * Label expressions as Jenkins has them (hudson.model.labels.LabelExpressionParser): `!`, `&&`, `||`, `->`, `<->` from tightest to loosest,
 * parentheses, and atoms that may stand in double quotes. Two differences, both to read more: an operator needs no blanks around it, since that is how a
 * controller prints an expression back (`a->b`), and `!!a` is read. As there, implications do not chain: `a -> b -> c` needs parentheses.
 */
export type LabelExpression = (labels: ReadonlySet<string>) => boolean

/** Deepest nesting that is read; an expression comes from a person, and this bounds the stack. */
const MAX_DEPTH = 100

/** Parses an expression. Throws a SyntaxError that says what stands where. */
export const parseLabelExpression = (text: string): LabelExpression => {
  const reader = new Reader(tokensOf(text))
  const expression = reader.equivalence(0)
  reader.end()
  return expression
}

/** Operators, parentheses, quoted atoms, atoms. A hyphen belongs to an atom unless it begins an arrow. */
const TOKEN = /\s*(<->|->|&&|\|\||!|\(|\)|"(?:[^"\\]|\\.)*"|(?:(?!->)[^&|!<>()\s"'])+)/y

const tokensOf = (text: string): string[] => {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  const end = text.trimEnd().length
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex
    const token = TOKEN.exec(text)?.[1]
    if (token === undefined) throw new SyntaxError(`"${text.slice(at).trim()}" is not understood`)
    tokens.push(token)
  }
  return tokens
}

const OPERATORS = new Set(['<->', '->', '&&', '||', '!', '(', ')'])
const unquote = (token: string): string => (token.startsWith('"') ? token.slice(1, -1).replaceAll(/\\(.)/g, '$1') : token)

/** Recursive descent, one method for each level of binding. */
class Reader {
  readonly #tokens: readonly string[]
  #at = 0

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens
  }

  equivalence(depth: number): LabelExpression {
    let left = this.#implication(depth)
    while (this.#take('<->')) {
      const [a, b] = [left, this.#implication(depth)]
      left = labels => a(labels) === b(labels)
    }
    return left
  }

  end(): void {
    const token = this.#tokens[this.#at]
    if (token !== undefined) throw new SyntaxError(`"${token}" is not expected there`)
  }

  #implication(depth: number): LabelExpression {
    const left = this.#either(depth)
    if (!this.#take('->')) return left
    const right = this.#either(depth)
    return labels => !left(labels) || right(labels)
  }

  #either(depth: number): LabelExpression {
    let left = this.#both(depth)
    while (this.#take('||')) {
      const [a, b] = [left, this.#both(depth)]
      left = labels => a(labels) || b(labels)
    }
    return left
  }

  #both(depth: number): LabelExpression {
    let left = this.#unary(depth)
    while (this.#take('&&')) {
      const [a, b] = [left, this.#unary(depth)]
      left = labels => a(labels) && b(labels)
    }
    return left
  }

  #unary(depth: number): LabelExpression {
    if (depth > MAX_DEPTH) throw new SyntaxError(`it is nested more than ${MAX_DEPTH} deep`)
    if (this.#take('!')) {
      const inner = this.#unary(depth + 1)
      return labels => !inner(labels)
    }
    if (this.#take('(')) {
      const inner = this.equivalence(depth + 1)
      if (!this.#take(')')) throw new SyntaxError('a closing parenthesis is missing')
      return inner
    }
    const token = this.#tokens[this.#at]
    if (token === undefined) throw new SyntaxError('it ends where a label is expected')
    if (OPERATORS.has(token)) throw new SyntaxError(`"${token}" stands where a label is expected`)
    this.#at++
    const atom = unquote(token)
    return labels => labels.has(atom)
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false
    this.#at++
    return true
  }
}
