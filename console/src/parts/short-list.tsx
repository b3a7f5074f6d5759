/** The first rows of a kind that belongs to what a page is about, and a way to all of them where there are more. */
import { Table, type TableProps } from './table.tsx'

type ShortListProps<T> = Omit<TableProps<T>, 'empty' | 'isShort'> & {
  readonly title: string
  /** Most rows that are shown. */
  readonly most: number
  /** Where all of them are. */
  readonly all: string
  /** How many there are, in words, where all are shown. */
  readonly count?: string
  /** A sentence for none. */
  readonly empty: string
}

export const ShortList = <T,>({ title, most, all, count, rows, empty, ...table }: ShortListProps<T>) => (
  <section class="section">
    <header>
      <h2>{title}</h2>
      {rows.length > most ? <a href={all}>All {rows.length}</a> : count !== undefined && <span class="faint">{count}</span>}
    </header>
    <Table
      {...table}
      isShort
      rows={rows.slice(0, most)}
      empty={
        <div class="empty">
          <p>{empty}</p>
        </div>
      }
    />
  </section>
)
