import { homedir } from 'node:os'
import { join } from 'node:path'
import type { CliContext } from '../context.ts'

/** The checkout that this command line belongs to. */
export const ROOT = join(import.meta.dirname, '../../..')
export const MAIN = join(ROOT, 'src/cli/main.ts')
export const HOOK_SCRIPT = join(ROOT, 'hook/manor.groovy')

/** Where programs are kept that several homes share (XDG Base Directory Specification 0.8). */
export const cacheDirectory = (env: CliContext['env']): string => join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'manor')
