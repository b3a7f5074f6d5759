/**
 * What a bench reports. A figure about speed always stands beside its opponent's, measured in the same run on the same machine: an absolute
 * number says more about the machine than about us.
 */
export type Figure = {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** Who was measured beside us, and what it showed. */
  readonly opponent?: { readonly name: string; readonly value: number }
  /** Ours over the opponent's. */
  readonly ratio?: number
  /** In words: `<= 1.10`. */
  readonly goal?: string
  readonly met?: boolean
}

export type BenchOptions = {
  /** Fewer rounds, for a first look and for CI. */
  readonly quick: boolean
  /** A line of progress for a person. */
  readonly say: (line: string) => void
}

/** One bench: a folder of bench/ whose `bench.ts` exports this as `bench`. */
export type Bench = {
  readonly name: string
  readonly about: string
  run(options: BenchOptions): Promise<readonly Figure[]>
}

/** A figure against an opponent. `goal` is the largest ratio that meets it, plus what may be added to the opponent's value first. */
export const against = (
  name: string,
  unit: string,
  ours: number,
  opponent: { readonly name: string; readonly value: number },
  goal: { readonly ratio: number; readonly plus?: number },
): Figure => {
  const limit = opponent.value * goal.ratio + (goal.plus ?? 0)
  return {
    name,
    unit,
    value: ours,
    opponent,
    ratio: ours / opponent.value,
    goal: `<= ${goal.ratio.toFixed(2)} x${goal.plus === undefined ? '' : ` + ${goal.plus} ${unit}`}`,
    met: ours <= limit,
  }
}

/** A figure beside an opponent's that no goal was set for. */
export const beside = (name: string, unit: string, ours: number, opponent: { readonly name: string; readonly value: number }): Figure => ({
  name,
  unit,
  value: ours,
  opponent,
  ratio: ours / opponent.value,
})

/** The middle value; of an even number the lower of the two middle ones. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted[Math.floor((sorted.length - 1) / 2)]
  if (middle === undefined) throw new RangeError('The median of nothing was asked for.')
  return middle
}

/** The value below which `share` (0 to 1) of all lie. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  if (value === undefined) throw new RangeError('A quantile of nothing was asked for.')
  return value
}

const round = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))

/** The figures as a table for a person. */
export const table = (figures: readonly Figure[]): string => {
  const rows = figures.map(({ name, value, unit, opponent, ratio, goal, met }) => [
    name,
    `${round(value)} ${unit}`,
    opponent === undefined ? '' : `${round(opponent.value)} ${unit} (${opponent.name})`,
    ratio === undefined ? '' : `${ratio.toFixed(2)} x`,
    goal ?? '',
    met === undefined ? '' : met ? 'met' : 'MISSED',
  ])
  const all = [['figure', 'ours', 'opponent', 'ratio', 'goal', ''], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0))) ?? []
  return all
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
