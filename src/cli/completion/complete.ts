import type { AgentView, ControllerView, HostView, QueueItemView, TemplateView, TenantView, TokenView } from '../../api/contract.ts'
import { deadline } from '../../runtime/index.ts'
import { ManorClient } from '../client.ts'
import type { ConnectionOptions } from '../connection.ts'
import type { CliContext } from '../context.ts'
import { buildWholeProgram } from '../program.ts'
import { type Candidates, candidatesFor } from './candidates.ts'

/** Somebody waits with a finger on the Tab key. */
const ANSWER_WITHIN_MS = 700
/** More than this nobody reads, and shells ask before they show them. */
const MOST_CANDIDATES = 500

/**
 * Prints what may stand at the cursor, for the scripts beside this file: one candidate a line, its meaning after a tab; or `:files` or
 * `:directories`, which the shell knows better. `words` are those after the program's name, the last one being what is written so far.
 * Prints nothing where Manor does not answer in time: a shell's prompt is no place for errors.
 */
export const complete = async (words: readonly string[], context: CliContext): Promise<void> => {
  const before = words.slice(0, -1)
  const current = words.at(-1) ?? ''
  const candidates = candidatesFor(await buildWholeProgram(context), before, current)
  const lines = await linesOf(candidates, before, current, context)
  if (lines.length > 0) context.stdout.write(`${lines.slice(0, MOST_CANDIDATES).join('\n')}\n`)
}

const linesOf = async (
  candidates: Candidates,
  before: readonly string[],
  current: string,
  context: CliContext,
): Promise<readonly string[]> => {
  switch (candidates.kind) {
    case 'files':
      return [':files']
    case 'directories':
      return [':directories']
    case 'words':
      return candidates.words
        .filter(({ word }) => word.startsWith(current))
        .map(({ word, meaning }) => (meaning ? `${word}\t${meaning}` : word))
    case 'names':
      return (await namesOf(candidates.of, before, context)).filter(name => name.startsWith(current))
  }
}

const namesOf = async (
  kind: Extract<Candidates, { kind: 'names' }>['of'],
  before: readonly string[],
  context: CliContext,
): Promise<readonly string[]> => {
  const limit = deadline(context.clock, ANSWER_WITHIN_MS, context.signal)
  try {
    return await fetchNames(kind, new ManorClient({ ...context, signal: limit.signal }, connectionIn(before)))
  } catch {
    // Not running, not allowed, too slow: then there is nothing to offer.
    return []
  } finally {
    limit.done()
  }
}

const fetchNames = async (kind: Extract<Candidates, { kind: 'names' }>['of'], client: ManorClient): Promise<readonly string[]> => {
  switch (kind) {
    case 'controller':
      return (await client.get<readonly ControllerView[]>('/controllers')).map(({ id, phase }) => `${id}\t${phase}`)
    case 'agent':
      return (await client.get<readonly AgentView[]>('/agents', { limit: MOST_CANDIDATES })).map(({ id, phase }) => `${id}\t${phase}`)
    case 'template':
      return (await client.get<readonly TemplateView[]>('/templates')).map(({ id, labels }) => `${id}\t${labels.join(' ')}`)
    case 'tenant':
      return (await client.get<readonly TenantView[]>('/tenants')).map(({ id }) => id)
    case 'host':
      return (await client.get<readonly HostView[]>('/hosts')).map(({ id }) => id)
    case 'token':
      return (await client.get<readonly TokenView[]>('/tokens')).map(({ id, name }) => `${id}\t${name}`)
    case 'item': {
      const [items, agents] = await Promise.all([
        client.get<readonly QueueItemView[]>('/queue'),
        client.get<readonly AgentView[]>('/agents', { limit: MOST_CANDIDATES }),
      ])
      return [...items.map(({ id, task }) => `${id}\t${task}`), ...agents.map(({ id, phase }) => `${id}\t${phase}`)]
    }
  }
}

/** The connection options that are on the line already. */
const connectionIn = (words: readonly string[]): ConnectionOptions => {
  const valueAfter = (option: string): string | undefined => {
    const together = words.find(word => word.startsWith(`${option}=`))
    if (together !== undefined) return together.slice(option.length + 1)
    const index = words.indexOf(option)
    return index === -1 ? undefined : words[index + 1]
  }
  const home = valueAfter('--home')
  const url = valueAfter('--url')
  const token = valueAfter('--token')
  return { ...(home === undefined ? {} : { home }), ...(url === undefined ? {} : { url }), ...(token === undefined ? {} : { token }) }
}
