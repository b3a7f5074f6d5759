import { ApiError } from './errors.ts'

/** `if-match: "12"`, with or without the quotes; `*` and nothing mean any. Errors: `invalid`. */
export const revisionOf = (header: string | undefined): number | undefined => {
  if (header === undefined || header === '*') return undefined
  const digits = /^(?:W\/)?"?(\d{1,15})"?$/.exec(header)?.[1]
  if (digits === undefined)
    throw new ApiError('invalid', `if-match is ${header.slice(0, 40)}: give the revision that was read, for example "12".`, {
      field: 'if-match',
    })
  return Number(digits)
}
