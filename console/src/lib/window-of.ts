/** Which rows of a long table are drawn. Pure. */

/** Rows drawn beyond the visible ones, so that a fast scroll does not show a gap. */
const OVERSCAN_ROWS = 8

export type RowWindow = { readonly first: number; readonly end: number; readonly before: number; readonly after: number }

/** `before` and `after` are the heights, in pixels, that stand for the rows which are not drawn. */
export const windowOf = (count: number, rowHeight: number, scrollTop: number, viewHeight: number): RowWindow => {
  const lastFirst = Math.max(0, count - Math.ceil(viewHeight / rowHeight))
  const visibleFirst = Math.min(Math.max(0, Math.floor(scrollTop / rowHeight)), lastFirst)
  const first = Math.max(0, visibleFirst - OVERSCAN_ROWS)
  const end = Math.min(count, visibleFirst + Math.ceil(viewHeight / rowHeight) + OVERSCAN_ROWS)
  return { first, end, before: first * rowHeight, after: (count - end) * rowHeight }
}
