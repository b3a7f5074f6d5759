/**
 * A small plot over time as SVG, made once: no script draws it. Each series has a dash of its own beside its colour, and its extremes stand in
 * the description, so that it is told without colour and without sight.
 */
import type { Milliseconds } from '../../src/model/index.ts'
import { type Html, html } from './html.ts'
import { duration } from './numbers.ts'
import { linear, logarithmic, type Scale, time } from './scale.ts'

export type Point = { readonly at: Milliseconds; readonly value: number }

export type Series = { readonly name: string; readonly points: readonly Point[] }

export type PlotOptions = {
  readonly title: string
  readonly series: readonly Series[]
  /** The end of the time axis. */
  readonly end: Milliseconds
  /** Writes a value at the axis and in the description. */
  readonly write: (value: number) => string
  /** Waits differ by powers of ten; values that are not above 0 are then left out. */
  readonly logarithmic?: boolean
  /** The axis reaches at least to here. */
  readonly atLeast?: number
  /** Where something went wrong, as small marks below the plot. */
  readonly marks?: readonly { readonly at: Milliseconds; readonly name: string }[]
  /** From here on nothing new came. */
  readonly quietFrom?: Milliseconds
}

const WIDTH = 560
const HEIGHT = 190
const LEFT = 56
const RIGHT = 10
const TOP = 10
const BOTTOM = 34
const INNER_WIDTH = WIDTH - LEFT - RIGHT
const INNER_HEIGHT = HEIGHT - TOP - BOTTOM

/** A series is drawn with at most this many columns: no more can be seen. */
const COLUMNS = INNER_WIDTH / 2

/** Marks that are drawn; more would be one bar. */
const MOST_MARKS = 400

const x = (scale: Scale, at: Milliseconds): string => (LEFT + scale.place(at) * INNER_WIDTH).toFixed(1)
const y = (scale: Scale, value: number): string => (TOP + (1 - Math.min(1, Math.max(0, scale.place(value)))) * INNER_HEIGHT).toFixed(1)

export const plot = (options: PlotOptions, id: string): Html => {
  const { title, series, end, write, marks = [] } = options
  const across = time(end)
  const up = upScale(options)
  const described = series.map(one => describe(one, write)).join(' ')
  return html`<figure class="plot"><figcaption><span>${title}</span>${legend(series)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-t ${id}-d"><title id="${id}-t">${title}</title><desc id="${id}-d">${described}</desc>
${quiet(options, across)}${up.ticks.map(tick => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(up, tick)}" y2="${y(up, tick)}"/><text class="tick" x="${LEFT - 6}" y="${y(up, tick)}" dy="0.32em" text-anchor="end">${write(tick)}</text>`)}
${across.ticks.map(tick => html`<text class="tick" x="${x(across, tick)}" y="${HEIGHT - 8}" text-anchor="${anchorOf(across.place(tick))}">${duration(tick)}</text>`)}
${marks.slice(0, MOST_MARKS).map(({ at, name }) => html`<line class="mark" x1="${x(across, at)}" x2="${x(across, at)}" y1="${TOP + INNER_HEIGHT + 2}" y2="${TOP + INNER_HEIGHT + 8}"><title>${name} at ${duration(at)}</title></line>`)}
${series.map((one, index) => line(one, index, across, up, options.logarithmic === true))}</svg></figure>`
}

/** The text at the axis' ends stays inside the picture. */
const anchorOf = (place: number): string => (place > 0.96 ? 'end' : place < 0.02 ? 'start' : 'middle')

const upScale = ({ series, logarithmic: isLogarithmic, atLeast = 0 }: PlotOptions): Scale => {
  const values = series.flatMap(({ points }) => points.map(({ value }) => value)).filter(value => isLogarithmic !== true || value > 0)
  const most = values.reduce((highest, value) => Math.max(highest, value), atLeast)
  if (isLogarithmic !== true) return linear(most)
  return logarithmic(
    values.reduce((lowest, value) => Math.min(lowest, value), most),
    most,
  )
}

const quiet = ({ quietFrom, end }: PlotOptions, across: Scale): Html | undefined => {
  if (quietFrom === undefined || quietFrom >= end) return undefined
  const from = LEFT + across.place(quietFrom) * INNER_WIDTH
  return html`<rect class="quiet" x="${from.toFixed(1)}" y="${TOP}" width="${(WIDTH - RIGHT - from).toFixed(1)}" height="${INNER_HEIGHT}"><title>no new jobs and no faults from here on</title></rect>`
}

const legend = (series: readonly Series[]): Html | undefined =>
  series.length < 2
    ? undefined
    : html`<span class="legend">${series.map(
        ({ name }, index) =>
          html`<span><svg viewBox="0 0 24 8" width="24" height="8" aria-hidden="true"><path class="line s${index}" d="M0 4H24"/></svg> ${name}</span>`,
      )}</span>`

/** What is drawn in one column: the middle value as the line, the lowest and highest as the band around it. */
type Drawn = { readonly at: Milliseconds; readonly low: number; readonly middle: number; readonly high: number }

const line = ({ points }: Series, index: number, across: Scale, up: Scale, skipsZero: boolean): Html => {
  const runs: Drawn[][] = [[]]
  for (const drawn of thinned(points, across, skipsZero)) {
    if (drawn === 'gap') runs.push([])
    else runs.at(-1)?.push(drawn)
  }
  const place = (at: Milliseconds, value: number): string => `${x(across, at)} ${y(up, value)}`
  const bands = runs
    .filter(run => run.some(({ low, high }) => low !== high))
    .map(run => {
      const there = run.map(({ at, high }) => place(at, high))
      const back = run.toReversed().map(({ at, low }) => place(at, low))
      return `M${[...there, ...back].join('L')}Z`
    })
  // A point that stands alone is drawn as a dot, with the line's round cap.
  const paths = runs
    .filter(run => run.length > 0)
    .map(run => `M${run.map(({ at, middle }) => place(at, middle)).join('L')}${run.length === 1 ? 'm-1 0h2' : ''}`)
  const band = bands.length === 0 ? undefined : html`<path class="band s${index}" d="${bands.join('')}"/>`
  return html`${band}<path class="line s${index}" d="${paths.join('')}"/>`
}

/** One drawn value a column. A column in which nothing was measured is a gap where `skipsZero`. */
const thinned = (points: readonly Point[], across: Scale, skipsZero: boolean): readonly (Drawn | 'gap')[] => {
  const columns = new Map<number, Point[]>()
  const isFew = points.length <= COLUMNS
  points.forEach((point, index) => {
    const column = isFew ? index : Math.floor(across.place(point.at) * COLUMNS)
    const known = columns.get(column)
    if (known === undefined) columns.set(column, [point])
    else known.push(point)
  })
  return [...columns.values()].map(column => {
    const measured = skipsZero ? column.filter(({ value }) => value > 0) : column
    const sorted = measured.map(({ value }) => value).toSorted((a, b) => a - b)
    const middle = sorted[Math.floor((sorted.length - 1) / 2)]
    const at = measured[Math.floor((measured.length - 1) / 2)]?.at
    return middle === undefined || at === undefined ? 'gap' : { at, low: sorted[0] ?? middle, middle, high: sorted.at(-1) ?? middle }
  })
}

const describe = ({ name, points }: Series, write: (value: number) => string): string => {
  const [first] = points
  if (first === undefined) return `${name}: nothing was measured.`
  const high = points.reduce((most, point) => (point.value > most.value ? point : most), first)
  const last = points.at(-1) ?? first
  return `${name}: from ${write(first.value)} at the beginning to ${write(last.value)} at the end, highest ${write(high.value)} after ${duration(high.at)}.`
}

const LANE = 22
const LANE_LEFT = 196
const LANE_WIDTH = 1_140

/** What went wrong and when: a lane for each kind, on the same time as the plots. */
export const lanes = (
  title: string,
  happened: readonly { readonly at: Milliseconds; readonly name: string; readonly detail: string }[],
  end: Milliseconds,
): Html => {
  const names = [...new Set(happened.map(({ name }) => name))].toSorted()
  const across = time(end, 12)
  const height = names.length * LANE + 24
  const place = (at: Milliseconds): string => (LANE_LEFT + across.place(at) * (LANE_WIDTH - LANE_LEFT - 12)).toFixed(1)
  const laneOf = (name: string): number => names.indexOf(name) * LANE
  const drawn = thinnedMarks(happened, at => Number(place(at)))
  const told = names.map(name => `${name}: ${happened.filter(one => one.name === name).length}.`).join(' ')
  return html`<figure class="lanes" tabindex="0"><svg viewBox="0 0 ${LANE_WIDTH} ${height}" role="img" aria-labelledby="lanes-t lanes-d"><title id="lanes-t">${title}</title><desc id="lanes-d">${told}</desc>
${names.map(name => html`<line class="grid" x1="${LANE_LEFT}" x2="${LANE_WIDTH - 12}" y1="${laneOf(name) + LANE / 2}" y2="${laneOf(name) + LANE / 2}"/><text class="lane" x="${LANE_LEFT - 10}" y="${laneOf(name) + LANE / 2}" dy="0.32em" text-anchor="end">${name}</text>`)}
${across.ticks.map(tick => html`<text class="tick" x="${place(tick)}" y="${height - 6}" text-anchor="${anchorOf(across.place(tick))}">${duration(tick)}</text>`)}
${drawn.map(({ at, name, detail }) => html`<line class="fault" x1="${place(at)}" x2="${place(at)}" y1="${laneOf(name) + 4}" y2="${laneOf(name) + LANE - 4}"><title>${name} at ${duration(at)}${detail === '' ? '' : `: ${detail}`}</title></line>`)}</svg></figure>`
}

/** One mark a lane and place: two that cover each other are one to the eye. */
const thinnedMarks = <Mark extends { readonly at: Milliseconds; readonly name: string }>(
  marks: readonly Mark[],
  place: (at: Milliseconds) => number,
): Mark[] => {
  const taken = new Set<string>()
  return marks.filter(({ at, name }) => {
    const key = `${name} ${Math.round(place(at) / 2)}`
    const isFirst = !taken.has(key)
    taken.add(key)
    return isFirst
  })
}
