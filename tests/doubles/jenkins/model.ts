/** What a Jenkins holds, as plain data. */
export type Cause = { readonly user: string }

export type Job = {
  readonly name: string
  /** The config.xml it was made with. */
  readonly xml: string
  /** The label expression; undefined: any node that takes unlabelled work. */
  readonly label: string | undefined
  readonly scripts: readonly string[]
  /** Parameters with their defaults. */
  readonly parameters: Readonly<Record<string, string>>
  nextNumber: number
}

export type Item = {
  readonly id: number
  readonly job: string
  readonly since: number
  /** When its quiet period is over. */
  readonly due: number
  readonly user: string
  readonly parameters: Readonly<Record<string, string>>
  buildableSince?: number
  cancelled?: boolean
  /** The build it became. */
  build?: number
}

export type BuildResult = 'SUCCESS' | 'FAILURE' | 'ABORTED'

export type Build = {
  readonly job: string
  readonly number: number
  readonly item: number
  readonly node: string
  readonly user: string
  readonly startedAt: number
  log: string
  result?: BuildResult
  durationMs?: number
}

export type NodeConfig = {
  readonly name: string
  readonly labels: readonly string[]
  readonly remoteDirectory: string
  readonly exclusive: boolean
  readonly description: string
}

export type Node = NodeConfig & {
  /** The open connection of its agent. */
  channel?: Channel
  /** Why it is not connected, where it once was. */
  wasConnected: boolean
  accepting: boolean
  build?: Build
}

/** The connection to one agent. */
export type Channel = {
  run(build: string, script: string, environment: Readonly<Record<string, string>>, workspace: string): void
  close(): void
}

const tag = (xml: string, name: string): string | undefined => {
  const found = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(xml)?.[1]
  return found === undefined ? undefined : decoded(found)
}

const tags = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, 'g'))].map(([, text = '']) => decoded(text))

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

const decoded = (text: string): string =>
  text.replaceAll(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    return ENTITIES[name ?? ''] ?? whole
  })

/** Whether every element that is opened is closed: what is not answers 500, as the real one does. */
export const isWellFormed = (xml: string): boolean => {
  const open: string[] = []
  const body = xml.replaceAll(/<\?[\s\S]*?\?>|<!--[\s\S]*?-->/g, '')
  for (const [, closing, name, empty] of body.matchAll(/<(\/?)([\w.$-]+)[^<>]*?(\/?)>/g)) {
    if (closing === '/') {
      if (open.pop() !== name) return false
    } else if (empty !== '/') open.push(name ?? '')
  }
  return open.length === 0 && /<[\w.$-]+/.test(body)
}

export const jobOf = (name: string, xml: string, nextNumber = 1): Job => ({
  name,
  xml,
  label: tag(xml, 'canRoam')?.trim() === 'true' ? undefined : tag(xml, 'assignedNode')?.trim(),
  scripts: tags(xml, 'hudson.tasks.Shell').map(shell => tag(shell, 'command') ?? ''),
  parameters: Object.fromEntries(
    tags(xml, 'hudson.model.StringParameterDefinition').length === 0
      ? []
      : [...xml.matchAll(/<hudson\.model\.StringParameterDefinition>([\s\S]*?)<\/hudson\.model\.StringParameterDefinition>/g)].map(
          ([, definition = '']) => [tag(definition, 'name') ?? '', tag(definition, 'defaultValue') ?? ''] as const,
        ),
  ),
  nextNumber,
})

export const nodeConfigOf = (name: string, xml: string): NodeConfig => ({
  name,
  labels: (tag(xml, 'label') ?? '').split(/\s+/).filter(label => label !== ''),
  remoteDirectory: tag(xml, 'remoteFS') ?? '',
  exclusive: tag(xml, 'mode') === 'EXCLUSIVE',
  description: tag(xml, 'description') ?? '',
})

/** Label expressions with `&&`, `||` and `!`, without brackets; a node's own name is one of its labels. */
export const labelMatches = (expression: string, { name, labels }: NodeConfig): boolean =>
  expression.split('||').some(alternative =>
    alternative.split('&&').every(part => {
      const word = part.trim().replaceAll('"', '')
      return word.startsWith('!') ? !has(word.slice(1).trim(), name, labels) : has(word, name, labels)
    }),
  )

const has = (word: string, name: string, labels: readonly string[]): boolean => word === name || labels.includes(word)
