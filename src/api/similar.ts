/** Names longer than this are not compared: the cost is the product of the lengths, and nobody mistypes the like. */
const MAX_LENGTH = 64

/** Edit distance of Levenshtein, with one row of memory. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** The known name that was most likely meant, or undefined where none is near: one slip for every three letters is. */
export const similarTo = (name: string, known: readonly string[]): string | undefined => {
  if (name.length > MAX_LENGTH) return undefined
  const wanted = name.toLowerCase()
  const nearest = known
    .map(candidate => ({ candidate, away: distance(wanted, candidate.toLowerCase()) }))
    .sort((a, b) => a.away - b.away)[0]
  return nearest && nearest.away <= Math.max(1, Math.floor(name.length / 3)) ? nearest.candidate : undefined
}
