/** A table of a report. */
import { type Html, html } from './html.ts'

export type ReportColumn<Row> = {
  readonly title: string
  readonly cell: (row: Row) => string
  /** Numbers stand right, long sentences wrap. */
  readonly as?: 'number' | 'long'
}

export const reportTable = <Row>(
  name: string,
  rows: readonly Row[],
  columns: readonly ReportColumn<Row>[],
  isChosen: (row: Row) => boolean = () => false,
): Html => {
  const classOf = ({ as }: ReportColumn<Row>): string => (as === 'number' ? 'n' : as === 'long' ? 'long' : '')
  // What scrolls sideways on a small screen must be reached by keyboard as well.
  return html`<div class="scroll" role="region" aria-label="${name}" tabindex="0"><table><thead><tr>${columns.map(column => html`<th scope="col" class="${classOf(column)}">${column.title}</th>`)}</tr></thead><tbody>${rows.map(
    row =>
      html`<tr class="${isChosen(row) ? 'chosen' : ''}">${columns.map((column, index) =>
        index === 0
          ? html`<th scope="row" class="${classOf(column)}">${column.cell(row)}</th>`
          : html`<td class="${classOf(column)}">${column.cell(row)}</td>`,
      )}</tr>`,
  )}</tbody></table></div>`
}
