import { type Command, Option } from 'commander'
import type { AccessView, TenantView } from '../../api/contract.ts'
import { accessWords, tidyAccess } from '../../model/index.ts'
import { aboutTenant, inOptionWords, ManorClient, path } from '../client.ts'
import { type CommonOptions, examples, onAction, withJson } from '../command-module.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { CliError } from '../errors.ts'
import { show } from '../output/print.ts'

type AccessOptions = {
  readonly privileged?: boolean
  readonly capability?: readonly string[]
  readonly hostPath?: readonly string[]
  readonly hostNetwork?: boolean
  readonly all?: boolean
}

/** Fields of the API, as the options are called. */
const OPTION_OF: Readonly<Record<string, string>> = { capabilities: '--capability', hostPaths: '--host-path' }

export const registerAccess = (parent: Command, context: CliContext): void => {
  const allow = parent
    .command('allow')
    .summary('Let its templates ask for more of the hosts')
    .description(
      'Let templates of a tenant ask for what opens the host to their builds, beside what is allowed already. Nothing is allowed unless it is said here. Whoever may be privileged owns the host.',
    )
    .argument('<tenant>')
  withAccess(allow)
  withJson(allow)
  examples(allow, [
    ['tenant allow kernel --capability NET_ADMIN', 'builds that set up networks'],
    ['tenant allow web --host-path /srv/cache:rw', 'a directory of each host, to write in'],
  ])
  onAction<AccessOptions>(allow, ([name = ''], options) => changeAccess(context, options, name, allowed))

  const deny = parent
    .command('deny')
    .summary('Take that back')
    .description('Take back what templates of a tenant may ask of the hosts. Agents that run are not touched; what waits says why.')
    .argument('<tenant>')
  withAccess(deny)
  deny.option('--all', 'take all of it back')
  withJson(deny)
  examples(deny, [
    ['tenant deny kernel --privileged', 'no privileged containers any more'],
    ['tenant deny kernel --all', 'nothing of the hosts any more'],
  ])
  onAction<AccessOptions>(deny, ([name = ''], options) => changeAccess(context, options, name, denied))
}

const withAccess = (command: Command): void => {
  command.option('--privileged', 'privileged containers')
  command.addOption(repeated('--capability <name>', 'a capability of Linux without CAP_, such as NET_ADMIN; may be given again'))
  command.addOption(repeated('--host-path <path>', 'a path of the hosts, PATH or PATH:ro to read, PATH:rw to write; may be given again'))
  command.option('--host-network', "the host's own network")
}

const repeated = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((text: string, before: readonly string[] = []) => [...before, text])

/** PATH, PATH:ro or PATH:rw. */
const pathOf = (text: string): { path: string; writable: boolean } => {
  const [, path = text, mode = 'ro'] = /^(.*):([^:]*)$/s.exec(text) ?? []
  if (mode !== 'ro' && mode !== 'rw') throw new CliError(`--host-path is "${text}": give PATH or PATH:ro to read, PATH:rw to write there.`)
  return { path, writable: mode === 'rw' }
}

const allowed = (before: AccessView, { privileged, capability = [], hostPath = [], hostNetwork }: AccessOptions): AccessView => {
  const paths = hostPath.map(pathOf)
  const kept = (before.hostPaths ?? []).filter(({ path: there }) => paths.every(({ path: given }) => given !== there))
  return {
    privileged: before.privileged || privileged || false,
    capabilities: [...(before.capabilities ?? []), ...capability],
    hostPaths: [...kept, ...paths],
    hostNetwork: before.hostNetwork || hostNetwork || false,
  }
}

const denied = (before: AccessView, { privileged, capability = [], hostPath = [], hostNetwork, all }: AccessOptions): AccessView => {
  if (all) return {}
  const paths = new Set(hostPath.map(text => pathOf(text).path))
  return {
    privileged: (before.privileged && !privileged) || false,
    capabilities: (before.capabilities ?? []).filter(name => !capability.includes(name)),
    hostPaths: (before.hostPaths ?? []).filter(({ path: there }) => !paths.has(there)),
    hostNetwork: (before.hostNetwork && !hostNetwork) || false,
  }
}

const changeAccess = async (
  context: CliContext,
  options: AccessOptions & CommonOptions,
  name: string,
  changed: (before: AccessView, options: AccessOptions) => AccessView,
): Promise<void> => {
  const { privileged, capability, hostPath, hostNetwork, all } = options
  if (!privileged && capability === undefined && hostPath === undefined && !hostNetwork && !all)
    throw new CliError(
      changed === allowed
        ? `Nothing was named: use --privileged, --capability, --host-path or --host-network (see ${PROGRAM} tenant allow --help).`
        : `Nothing was named: use --privileged, --capability, --host-path, --host-network or --all (see ${PROGRAM} tenant deny --help).`,
    )
  const client = new ManorClient(context, options)
  const view = await aboutTenant(client, name, async () => {
    const before = await client.get<TenantView>(path`/tenants/${name}`)
    const body = tidyAccess(changed(before.access ?? {}, options)) ?? {}
    // Of two who change it at the same time the second hears so, and neither's change is lost.
    const headers = { 'if-match': `"${before.revision}"` }
    return inOptionWords(
      OPTION_OF,
      async () => (await client.ask<TenantView>('PUT', path`/tenants/${name}/access`, { body, headers })).view,
    )
  })
  show(context, options.json, view, () => accessSentence(view))
}

const accessSentence = ({ id, access }: TenantView): string =>
  access === undefined ? `Templates of ${id} may ask for nothing of the hosts.` : `Templates of ${id} may ask for: ${accessWords(access)}.`
