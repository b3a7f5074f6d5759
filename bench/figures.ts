/**
 * What a bench reports. A figure about speed always stands beside its opponent's, measured in the same run on the same machine: an absolute
 * number says more about the machine than about us.
 */
export type Figure = {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** Where many of a kind are measured: a person sees one line per row, with a column for each of these. */
  readonly cell?: { readonly row: string; readonly column: string }
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

/** A figure that is to be at most so much. */
export const within = (name: string, unit: string, value: number, most: number): Figure => ({
  name,
  unit,
  value,
  goal: `<= ${most}${unit === '' ? '' : ` ${unit}`}`,
  met: value <= most,
})

/** A count of what must not happen. */
export const none = (name: string, value: number): Figure => ({ name, unit: '', value, goal: '0', met: value === 0 })

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

/** The figures as tables for a person: those that belong to cells as a line for each row, the others as a line each. */
export const table = (figures: readonly Figure[]): string =>
  [grid(figures.filter(({ cell }) => cell !== undefined)), list(figures.filter(({ cell }) => cell === undefined))]
    .filter(text => text !== '')
    .join('\n\n')

const list = (figures: readonly Figure[]): string => {
  const rows = figures.map(({ name, value, unit, opponent, ratio, goal, met }) => [
    name,
    `${round(value)} ${unit}`,
    opponent === undefined ? '' : `${round(opponent.value)} ${unit} (${opponent.name})`,
    ratio === undefined ? '' : `${ratio.toFixed(2)} x`,
    goal ?? '',
    met === undefined ? '' : met ? 'met' : 'MISSED',
  ])
  return rows.length === 0 ? '' : aligned([['figure', 'ours', 'opponent', 'ratio', 'goal', ''], ...rows])
}

/** Ours, the opponent's and the ratio of each column, and which of the row's goals were missed. */
const grid = (figures: readonly Figure[]): string => {
  const rows = new Map<string, Map<string, Figure>>()
  const columns = new Map<string, Figure>()
  for (const figure of figures) {
    const { row = '', column = '' } = figure.cell ?? {}
    rows.set(row, (rows.get(row) ?? new Map()).set(column, figure))
    if (!columns.has(column)) columns.set(column, figure)
  }
  if (rows.size === 0) return ''
  const head = [...columns].flatMap(([column, { unit, opponent, ratio }]) => [
    `${column}, ${unit}`,
    ...(opponent === undefined ? [] : [opponent.name]),
    ...(ratio === undefined ? [] : ['ratio']),
  ])
  const lines = [...rows].map(([row, cells]) => {
    const missed = [...cells].filter(([, { met }]) => met === false).map(([column]) => column)
    const values = [...columns].flatMap(([column, { opponent, ratio }]) => {
      const figure = cells.get(column)
      return [
        figure === undefined ? '' : round(figure.value),
        ...(opponent === undefined ? [] : [figure?.opponent === undefined ? '' : round(figure.opponent.value)]),
        ...(ratio === undefined ? [] : [figure?.ratio === undefined ? '' : `${figure.ratio.toFixed(2)} x`]),
      ]
    })
    return [row, ...values, missed.length === 0 ? '' : `MISSED: ${missed.join(', ')}`]
  })
  const goals = [
    ...new Set(figures.flatMap(({ cell, goal }) => (goal === undefined || cell === undefined ? [] : [`${cell.column}: ${goal}`]))),
  ]
  return [aligned([['', ...head, ''], ...lines]), ...(goals.length === 0 ? [] : [`Goals: ${goals.join('; ')}`])].join('\n')
}

const aligned = (rows: readonly (readonly string[])[]): string => {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0))) ?? []
  return rows
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
