/** What the command palette offers for what was typed. Pure; linear in the entries, one pass a keystroke. */
export type PaletteEntry = {
  readonly key: string
  readonly title: string
  readonly hint: string
  /** Lower case; what typed words are looked for in. */
  readonly haystack: string
}

/** More would not be read. */
const MAX_SHOWN = 14

/** Smaller is better; undefined does not match. Every word must occur; a match at the start of a word beats one inside. */
export const scoreOf = (haystack: string, words: readonly string[]): number | undefined => {
  let score = 0
  for (const word of words) {
    const at = haystack.indexOf(word)
    if (at < 0) return undefined
    const startsWord = at === 0 || !/[a-z0-9]/.test(haystack[at - 1] ?? '')
    score += (startsWord ? 0 : 100) + at
  }
  return score + haystack.length / 100
}

export const matchPalette = <T extends PaletteEntry>(entries: Iterable<T>, typed: string): readonly T[] => {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  const scored: { entry: T; score: number }[] = []
  for (const entry of entries) {
    const score = scoreOf(entry.haystack, words)
    if (score !== undefined) scored.push({ entry, score })
  }
  return scored
    .toSorted((a, b) => a.score - b.score)
    .slice(0, MAX_SHOWN)
    .map(({ entry }) => entry)
}
