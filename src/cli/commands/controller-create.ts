import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { ControllerView, NewController } from '../../api/contract.ts'
import { aboutTenant, inOptionWords, ManorClient, path } from '../client.ts'
import { completedBy, examples, onAction, parsed, withJson } from '../command-module.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { CliError } from '../errors.ts'
import { show } from '../output/print.ts'
import { formatSize } from '../output/units.ts'
import { parseCores, parseDuration, parseSize } from '../quantities.ts'
import { cursorNow, type WaitOptions, waitAndTell, withWait } from './waiting.ts'

type SpecOptions = {
  readonly memory?: number
  readonly cpu?: number
  readonly disk?: number
  readonly grace?: number
  readonly distribution?: NewController['distribution']
  readonly version?: string
  readonly war?: string
}
type CreateOptions = SpecOptions & WaitOptions & { readonly tenant?: string }

/** Fields of the API, as the options that set them are called. */
const OPTION_OF: Readonly<Record<string, string>> = {
  memoryMb: '--memory',
  cpu: '--cpu',
  diskMb: '--disk',
  graceMs: '--grace',
  distribution: '--distribution',
  version: '--version',
  war: '--war',
  tenant: '--tenant',
}

export const registerCreate = (parent: Command, context: CliContext): void => {
  const create = parent
    .command('create')
    .summary('Make a controller')
    .description('Make a controller and start it.')
    .argument('<name>', 'a DNS label such as team-a; it becomes part of the address')
  for (const option of specOptions()) create.addOption(option)
  create.addOption(completedBy(new Option('--tenant <tenant>', 'the team that it belongs to (default: default)'), 'tenant'))
  withWait(create, 'until it is ready')
  withJson(create)
  examples(create, [
    ['controller create team-a', 'with the default size'],
    ['controller create team-a --memory 1g --cpu 2 --wait', 'sized, and wait until it is ready'],
    ['controller create try --distribution hudson', "with Jenkins' ancestor, which needs no download site"],
    ['controller create own --war ./jenkins.war', 'with a war of your own'],
  ])
  onAction<CreateOptions>(create, async ([name = ''], options) => {
    const client = new ManorClient(context, options)
    const cursor = await cursorNow(client, options)
    const body: NewController = { name, ...specOf(options), ...(options.tenant === undefined ? {} : { tenant: options.tenant }) }
    const created = await aboutTenant(client, options.tenant, () =>
      inOptionWords(OPTION_OF, () => client.send<ControllerView>('POST', '/controllers', body)),
    )
    if (options.wait) return waitAndTell(client, context, options, { goal: 'ready', asked: created, cursor })
    show(
      context,
      options.json,
      created,
      () =>
        `Controller ${created.id} is being made, with ${formatSize(created.spec.memoryMb)} of memory. It will be at ${created.url}\nFollow it with: ${PROGRAM} event list --follow --subject ${created.id}`,
    )
  })

  const change = parent
    .command('set')
    .summary('Change the size or version of a controller')
    .description('Change what a controller is made of. It takes effect at its next start.')
    .argument('<controller>')
  for (const option of specOptions()) if (option.long !== '--distribution') change.addOption(option)
  withJson(change)
  examples(change, [['controller set team-a --memory 2g && ./manor controller restart team-a --wait', 'give it more memory, now']])
  onAction<SpecOptions>(change, async ([name = ''], options) => {
    const spec = specOf(options)
    if (Object.keys(spec).length === 0) throw new CliError(`Nothing to change was given: see ${PROGRAM} controller set --help.`)
    const client = new ManorClient(context, options)
    const view = await inOptionWords(OPTION_OF, () => client.send<ControllerView>('PATCH', path`/controllers/${name}`, spec))
    show(
      context,
      options.json,
      view,
      () => `Controller ${name} is changed; this takes effect at its next start (${PROGRAM} controller restart ${name}).`,
    )
  })
}

const specOptions = (): readonly Option[] => [
  parsed('--memory <size>', 'hard limit of all its processes, such as 1g (default: 3g)', parseSize),
  parsed('--cpu <cores>', 'cores, as a share while others want them too (default: 1)', parseCores),
  parsed('--disk <size>', 'room for its home (default: 50g)', parseSize),
  parsed('--grace <duration>', 'how long a stop waits for running builds (default: 20m)', parseDuration),
  new Option('--distribution <name>', 'which program').choices(['jenkins', 'hudson']),
  new Option('--version <version>', 'its version or version line (default: the newest that runs here)'),
  completedBy(new Option('--war <file>', "a war of your own, on Manor's machine"), 'file'),
]

const specOf = (options: SpecOptions): Omit<NewController, 'name' | 'tenant'> => ({
  ...(options.memory === undefined ? {} : { memoryMb: options.memory }),
  ...(options.cpu === undefined ? {} : { cpu: options.cpu }),
  ...(options.disk === undefined ? {} : { diskMb: options.disk }),
  ...(options.grace === undefined ? {} : { graceMs: options.grace }),
  ...(options.distribution === undefined ? {} : { distribution: options.distribution }),
  ...(options.version === undefined ? {} : { version: options.version }),
  // The API wants an absolute path; a person means the directory that they are in.
  ...(options.war === undefined ? {} : { war: resolve(options.war) }),
})
