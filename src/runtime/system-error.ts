/** Whether this is an error of the system (or of Node) with one of these codes, such as ENOENT: Node.js documentation, "Errors", system errors. */
export const hasCode = (cause: unknown, ...codes: readonly string[]): boolean =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && codes.includes(cause.code)
