import { stripVTControlCharacters } from 'node:util'
import { eastAsianWidth } from 'get-east-asian-width'

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/
/** Shown as a picture two columns wide; includes flags and what a variation selector turns into a picture. */
const PICTURE = /^(\p{Emoji_Presentation}|\p{Regional_Indicator}{2}|\p{Extended_Pictographic}\u{fe0f})/u
const WITHOUT_WIDTH = /^[\p{Mark}\p{Default_Ignorable_Code_Point}\p{Control}]+$/u

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })

const graphemeWidth = (grapheme: string): number => {
  if (WITHOUT_WIDTH.test(grapheme)) return 0
  if (PICTURE.test(grapheme)) return 2
  return eastAsianWidth(grapheme.codePointAt(0) ?? 0)
}

/** Columns that a text takes on a terminal; colours count nothing. */
export const widthOf = (text: string): number => {
  if (PRINTABLE_ASCII.test(text)) return text.length
  let width = 0
  for (const { segment } of segmenter.segment(stripVTControlCharacters(text))) width += graphemeWidth(segment)
  return width
}

/** At most `columns` wide, with `mark` at the end where something was cut off. Plain text only: cut first, then colour. */
export const truncate = (text: string, columns: number, mark = '…'): string => {
  if (columns <= 0) return ''
  // Every character is at least as wide as its column count says, so a short ASCII text needs no look at its graphemes.
  if (widthOf(text) <= columns) return text
  let kept = ''
  let width = 0
  for (const { segment } of segmenter.segment(text)) {
    width += graphemeWidth(segment)
    if (width > columns - widthOf(mark)) break
    kept += segment
  }
  return kept + mark
}

/** Filled with spaces to `columns`. */
export const pad = (text: string, columns: number, align: 'left' | 'right' = 'left'): string => {
  const space = ' '.repeat(Math.max(0, columns - widthOf(text)))
  return align === 'left' ? text + space : space + text
}

/** One line without anything that moves the cursor or changes a terminal: what others wrote (logs, names) passes through here. */
export const printable = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll('\t', '    ')
    .replaceAll(/\p{Control}/gu, '')

/**
 * `prefix`, then `text` in as many lines as it needs, all of them beginning where the first does. Words are kept whole, so that an address can be
 * copied. Without `columns` (a pipe) it stays one line, and so it does where too little room is left to read.
 */
export const hang = (prefix: string, text: string, columns: number | undefined): string => {
  const indent = widthOf(prefix)
  if (columns === undefined || columns - indent < LEAST_TEXT_COLUMNS) return prefix + text
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    const longer = line === '' ? word : `${line} ${word}`
    if (line === '' || indent + widthOf(longer) <= columns) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return prefix + lines.join(`\n${' '.repeat(indent)}`)
}

/** Narrower columns of text are harder to read than lines that the terminal wraps. */
const LEAST_TEXT_COLUMNS = 24
