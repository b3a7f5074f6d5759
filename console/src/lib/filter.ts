/**
 * The language of every filter box: words that must all match, `field:value` to match one field only, a leading `-` to exclude.
 * Linear in rows times words; lower-casing happens once a word and once a row.
 */
export type Term = { readonly field?: string; readonly text: string; readonly excluded: boolean }

export const parseFilter = (filter: string): readonly Term[] =>
  filter
    .toLowerCase()
    .split(/\s+/)
    .filter(word => word !== '' && word !== '-')
    .map(word => {
      const excluded = word.startsWith('-')
      const bare = excluded ? word.slice(1) : word
      const colon = bare.indexOf(':')
      return colon > 0 ? { field: bare.slice(0, colon), text: bare.slice(colon + 1), excluded } : { text: bare, excluded }
    })

/** Matches `fields` (by name) against the terms; a term without a field matches any of them, one with an unknown field matches none. */
export const matches = (terms: readonly Term[], fields: Readonly<Record<string, string | undefined>>): boolean =>
  terms.every(({ field, text, excluded }) => {
    const values = field === undefined ? Object.values(fields) : [fields[field]]
    return values.some(value => value?.toLowerCase().includes(text)) !== excluded
  })
