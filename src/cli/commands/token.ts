import { type Command, Option } from 'commander'
import type { CreatedToken, NewToken, TokenView } from '../../api/contract.ts'
import { aboutTenant, ManorClient, path } from '../client.ts'
import { type CommandModule, completedBy, examples, onAction, parsed, withJson } from '../command-module.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { remark, say, show } from '../output/print.ts'
import { type Column, table } from '../output/table.ts'
import { formatDuration, formatRelative } from '../output/units.ts'
import { parseDuration } from '../quantities.ts'

const ROLES = ['admin', 'operator', 'developer', 'viewer'] as const

export const tokenCommand: CommandModule = {
  register: (command, context) => {
    command.description('API tokens: what programs and people elsewhere sign in with. Only their hash is kept.')
    registerCreate(command, context)
    registerList(command, context)
    registerRevoke(command, context)
    examples(command, [['token create ci --role developer --expires-in 30d', 'for a program, for a month']])
  },
}

type CreateOptions = { readonly role: NewToken['role']; readonly tenant?: string; readonly expiresIn?: number }

const registerCreate = (parent: Command, context: CliContext): void => {
  const create = parent
    .command('create')
    .summary('Make one; its secret is shown once')
    .description('Make a token. Its secret is printed on standard output and never shown again.')
    .argument('<name>', 'what it is for')
  create.addOption(new Option('--role <role>', 'what it may do').choices([...ROLES]).default('developer'))
  create.addOption(completedBy(new Option('--tenant <tenant>', 'only within one team'), 'tenant'))
  create.addOption(parsed('--expires-in <duration>', 'how long it is good for (default: until it is revoked)', parseDuration))
  withJson(create)
  examples(create, [
    ['token create ci --role developer --expires-in 30d', 'for a program, for a month'],
    ['token create wall --role viewer', 'for a screen on the wall'],
  ])
  onAction<CreateOptions>(create, async ([name = ''], { role, tenant, expiresIn, ...options }) => {
    const body: NewToken = {
      name,
      role,
      ...(tenant === undefined ? {} : { tenant }),
      ...(expiresIn === undefined ? {} : { expiresInMs: expiresIn }),
    }
    const client = new ManorClient(context, options)
    const created = await aboutTenant(client, tenant, () => client.send<CreatedToken>('POST', '/tokens', body))
    if (options.json) return show(context, true, created, () => '')
    say(context, created.secret)
    const until = expiresIn === undefined ? `until "${PROGRAM} token revoke ${created.token.id}"` : `for ${formatDuration(expiresIn)}`
    remark(context, `Token ${name}, role ${role}, is good ${until}. Keep it now: it is not shown again.`)
  })
}

const registerList = (parent: Command, context: CliContext): void => {
  const list = parent.command('list').summary('List them').description('List tokens. Their secrets are not known to Manor.')
  withJson(list)
  examples(list, [['token list', 'see who may come in']])
  onAction(list, async (_, options) => {
    const views = await new ManorClient(context, options).get<readonly TokenView[]>('/tokens')
    show(context, options.json, views, terminal =>
      views.length === 0
        ? `No tokens yet. Make one with: ${PROGRAM} token create ci`
        : table(views, columns(context.clock.now()), terminal),
    )
  })
}

const columns = (now: number): readonly Column<TokenView>[] => [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'NAME', cell: ({ name }) => name, least: 10 },
  { title: 'ROLE', cell: ({ role }) => role },
  { title: 'TENANT', cell: ({ tenant }) => tenant ?? '', least: 8, droppable: 2 },
  { title: 'CREATED', cell: ({ createdAt }) => formatRelative(createdAt, now), droppable: 3 },
  { title: 'EXPIRES', cell: ({ expiresAt }) => (expiresAt === undefined ? 'never' : formatRelative(expiresAt, now)), droppable: 1 },
]

const registerRevoke = (parent: Command, context: CliContext): void => {
  const revoke = parent
    .command('revoke')
    .summary('Revoke one, at once')
    .description('Revoke a token. It is refused from this moment on.')
    .argument('<token>', 'its id, from token list')
  withJson(revoke)
  examples(revoke, [['token revoke t-k7m2p', 'shut out whoever has it']])
  onAction(revoke, async ([id = ''], options) => {
    await new ManorClient(context, options).send('DELETE', path`/tokens/${id}`)
    show(context, options.json, { id, revoked: true }, () => `Token ${id} is revoked.`)
  })
}
