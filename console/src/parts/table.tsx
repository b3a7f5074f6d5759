/**
 * A table of any length: draws the rows in view and a few more, so the cost follows the window and not the fleet (8,000 rows: about 50 drawn).
 * Arrow keys, Page Up and Down, Home and End move between rows; Enter opens the row's link, which is what has the focus.
 */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { query, setQuery } from '../lib/history.ts'
import { windowOf } from '../lib/window-of.ts'

export type Column<T> = {
  readonly key: string
  readonly title: string
  /** CSS width; without one the column takes what is left. */
  readonly width?: string
  readonly className?: string
  readonly cell: (row: T) => ComponentChildren
  readonly compare?: (a: T, b: T) => number
}

export type TableProps<T> = {
  readonly label: string
  readonly rows: readonly T[]
  readonly rowKey: (row: T) => string
  readonly columns: readonly Column<T>[]
  readonly rowHeight?: number
  /** Where the first cell of a row leads. */
  readonly href?: (row: T) => string
  readonly empty: ComponentChildren
  /** A short table grows with its rows instead of scrolling, and is not sorted through the address. */
  readonly isShort?: boolean
}

const DEFAULT_ROW_HEIGHT = 34
/** Before the box was measured, as in the first render. */
const ASSUMED_HEIGHT = 800

const sortRows = <T,>(rows: readonly T[], columns: readonly Column<T>[], sort: string): readonly T[] => {
  const isDescending = sort.startsWith('-')
  const column = columns.find(({ key }) => key === (isDescending ? sort.slice(1) : sort))
  const compare = column?.compare
  if (!compare) return rows
  return rows.toSorted(isDescending ? (a, b) => compare(b, a) : compare)
}

export const Table = <T,>(props: TableProps<T>) => {
  const { label, columns, rowKey, href, empty, isShort = false, rowHeight = DEFAULT_ROW_HEIGHT } = props
  const box = useRef<HTMLElement>(null)
  const scrollTop = useSignal(0)
  const viewHeight = useSignal(ASSUMED_HEIGHT)
  const active = useRef(-1)
  const wantsFocus = useRef(false)
  const sort = isShort ? '' : (query.value.get('sort') ?? '')
  const rows = sortRows(props.rows, columns, sort)
  const view = isShort
    ? { first: 0, end: rows.length, before: 0, after: 0 }
    : windowOf(rows.length, rowHeight, scrollTop.value, viewHeight.value)

  useEffect(() => {
    const element = box.current
    if (!element) return undefined
    const observer = new ResizeObserver(() => {
      viewHeight.value = element.clientHeight
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [viewHeight])

  useLayoutEffect(() => {
    if (!wantsFocus.current) return
    wantsFocus.current = false
    box.current?.querySelector<HTMLElement>(`[aria-rowindex="${active.current + 2}"] a`)?.focus({ preventScroll: true })
  })

  const moveTo = (index: number): void => {
    const element = box.current
    if (!element || rows.length === 0) return
    active.current = Math.min(rows.length - 1, Math.max(0, index))
    wantsFocus.current = true
    const top = active.current * rowHeight
    // The sticky head covers one row's height at the top.
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + 2 * rowHeight > element.scrollTop + element.clientHeight) element.scrollTop = top + 2 * rowHeight - element.clientHeight
    scrollTop.value = element.scrollTop
    const link = element.querySelector<HTMLElement>(`[aria-rowindex="${active.current + 2}"] a`)
    if (link) {
      wantsFocus.current = false
      link.focus({ preventScroll: true })
    }
  }

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLElement && event.target.closest('th')) return
    const focused = event.target instanceof HTMLElement ? event.target.closest('[aria-rowindex]') : null
    const at = focused ? Number(focused.getAttribute('aria-rowindex')) - 2 : active.current
    const page = Math.max(1, Math.floor(viewHeight.value / rowHeight) - 2)
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: rows.length - 1,
    }
    const next = steps[event.key]
    if (next === undefined || !href) return
    event.preventDefault()
    moveTo(next)
  }

  if (rows.length === 0)
    return (
      <section class="table-box" aria-label={label}>
        {empty}
      </section>
    )
  return (
    // The box scrolls, so it must be reachable by keyboard.
    <section
      ref={box}
      class={`table-box${isShort ? ' is-short' : ''}`}
      aria-label={label}
      {...(isShort ? {} : { tabIndex: 0 })}
      onScroll={event => {
        scrollTop.value = event.currentTarget.scrollTop
      }}
      onKeyDown={onKeyDown}
    >
      <table aria-label={label} aria-rowcount={rows.length + 1} style={{ '--row-height': `${rowHeight}px` }}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(column => (
              <HeadCell key={column.key} column={column} sort={sort} canSort={!isShort} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Spacer height={view.before} />
          {rows.slice(view.first, view.end).map((row, offset) => (
            <tr key={rowKey(row)} aria-rowindex={view.first + offset + 2}>
              {columns.map((column, index) => (
                <td key={column.key} class={column.className}>
                  {index === 0 && href ? <a href={href(row)}>{column.cell(row)}</a> : column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
          <Spacer height={view.after} />
        </tbody>
      </table>
    </section>
  )
}

const Spacer = ({ height }: { readonly height: number }) =>
  height > 0 ? (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row that stands for height alone takes no focus.
    <tr class="spacer" aria-hidden="true">
      <td style={{ height: `${height}px` }} />
    </tr>
  ) : null

type HeadCellProps<T> = { readonly column: Column<T>; readonly sort: string; readonly canSort: boolean }

const HeadCell = <T,>({ column, sort, canSort }: HeadCellProps<T>) => {
  const { key, title, width, className, compare } = column
  const direction = sort === key ? 'ascending' : sort === `-${key}` ? 'descending' : undefined
  return (
    <th scope="col" class={className} {...(width ? { style: { width } } : {})} {...(direction ? { 'aria-sort': direction } : {})}>
      {compare && canSort ? (
        <button
          type="button"
          onClick={() => setQuery({ sort: direction === 'ascending' ? `-${key}` : direction === 'descending' ? '' : key })}
        >
          {title}
          {direction === 'ascending' ? ' ↑' : direction === 'descending' ? ' ↓' : ''}
        </button>
      ) : (
        title
      )}
    </th>
  )
}
