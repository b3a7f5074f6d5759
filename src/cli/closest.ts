/** Most suggestions that are worth reading. */
const MOST_SUGGESTIONS = 3

/** Edits (insert, delete, replace, swap of neighbours) from one word to another: optimal string alignment, O(n*m). */
const distance = (from: string, to: string): number => {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let least = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (swapped) least = Math.min(least, (beforeLast[column - 2] ?? 0) + 1)
      current.push(least)
    }
    beforeLast = last
    last = current
  }
  return last[to.length] ?? 0
}

/** The words that someone who wrote `word` most likely meant, best first: a third of the letters may be wrong, or it is the start of one. */
export const closest = (word: string, candidates: readonly string[]): readonly string[] => {
  const lower = word.toLowerCase()
  const allowed = Math.max(1, Math.floor(lower.length / 3))
  return candidates
    .map(candidate => {
      const edits = distance(lower, candidate.toLowerCase())
      const begins = lower.length >= 2 && candidate.toLowerCase().startsWith(lower)
      return { candidate, score: begins ? Math.min(edits, 1) : edits, fits: begins || edits <= allowed }
    })
    .filter(({ fits }) => fits)
    .toSorted((a, b) => a.score - b.score || a.candidate.localeCompare(b.candidate))
    .slice(0, MOST_SUGGESTIONS)
    .map(({ candidate }) => candidate)
}

/** ` Did you mean a, b or c?`, with its space before, or nothing. */
export const didYouMean = (suggestions: readonly string[]): string => {
  const last = suggestions.at(-1)
  if (last === undefined) return ''
  const others = suggestions.slice(0, -1)
  return ` Did you mean ${others.length > 0 ? `${others.join(', ')} or ${last}` : last}?`
}
