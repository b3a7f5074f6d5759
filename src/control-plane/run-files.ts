import { readFile, rm } from 'node:fs/promises'
import { hasCode } from '../runtime/index.ts'
import type { Layout } from './layout.ts'
import { replaceFile } from './prepare-home.ts'

/** What a running Manor says of itself to the command line. */
export type RunFile = { readonly url: string; readonly consoleUrl: string; readonly pid: number; readonly startedAt: number }

/** Writes where Manor listens and the token of whoever may read the home; and for hooks, where they reach it. */
export const writeRunFiles = async (layout: Layout, run: RunFile, token: string, hookUrl: string): Promise<void> => {
  await replaceFile(layout.urlFile, hookUrl, 0o644)
  await replaceFile(layout.tokenFile, token, 0o600)
  await replaceFile(layout.runFile, JSON.stringify(run), 0o600)
}

/** Says that no Manor runs here any more. The hooks' file stays: a later Manor replaces it. */
export const removeRunFiles = async (layout: Layout): Promise<void> => {
  await rm(layout.runFile, { force: true })
  await rm(layout.tokenFile, { force: true })
}

/** What the last Manor of this home wrote, or undefined where none did or it ended in good order. It may be dead: check. */
export const readRunFile = async (layout: Layout): Promise<RunFile | undefined> => {
  try {
    return JSON.parse(await readFile(layout.runFile, 'utf8')) as RunFile
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined
    throw cause
  }
}
