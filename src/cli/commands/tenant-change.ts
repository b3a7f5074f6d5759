import { type Command, Option } from 'commander'
import type { NewTenant, TenantChange, TenantView } from '../../api/contract.ts'
import { aboutTenant, inOptionWords, ManorClient, path } from '../client.ts'
import { examples, onAction, parsed, withJson } from '../command-module.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { CliError } from '../errors.ts'
import { show } from '../output/print.ts'
import { orNone, parseCores, parseSize, parseWeight } from '../quantities.ts'
import { amountWords, noteLines } from './tenant-text.ts'

export const registerChanges = (parent: Command, context: CliContext): void => {
  registerCreate(parent, context)
  registerAmounts(parent, context, QUOTA)
  registerAmounts(parent, context, GUARANTEE)
  registerWeight(parent, context)
  registerPolicy(parent, context)
}

type CreateOptions = {
  readonly weight?: number
  readonly cpuQuota?: number
  readonly memoryQuota?: number
  readonly diskQuota?: number
  readonly cpuGuarantee?: number
  readonly memoryGuarantee?: number
  readonly diskGuarantee?: number
  readonly preemptible?: 'yes' | 'no'
}

/** Fields of the API, as the options of `create` are called. */
const CREATE_OPTIONS: Readonly<Record<string, string>> = {
  weight: '--weight',
  'quota.cpu': '--cpu-quota',
  'quota.memoryMb': '--memory-quota',
  'quota.diskMb': '--disk-quota',
  'guarantee.cpu': '--cpu-guarantee',
  'guarantee.memoryMb': '--memory-guarantee',
  'guarantee.diskMb': '--disk-guarantee',
}

const registerCreate = (parent: Command, context: CliContext): void => {
  const create = parent
    .command('create')
    .summary('Make one')
    .description('Make a tenant. Without options it weighs as much as any other and is not bounded.')
    .argument('<name>', 'a DNS label such as payments')
  create.addOption(parsed('--weight <weight>', 'its share where not all can have what they want (default: 1)', parseWeight))
  create.addOption(parsed('--cpu-quota <cores>', 'most cores that its agents may use at a time (default: no cap)', parseCores))
  create.addOption(parsed('--memory-quota <size>', 'most memory, such as 64g', parseSize))
  create.addOption(parsed('--disk-quota <size>', 'most disk', parseSize))
  create.addOption(parsed('--cpu-guarantee <cores>', 'cores that its agents get before others may burst', parseCores))
  create.addOption(parsed('--memory-guarantee <size>', 'the same of memory', parseSize))
  create.addOption(parsed('--disk-guarantee <size>', 'the same of disk', parseSize))
  create.addOption(preemptible())
  withJson(create)
  examples(create, [
    ['tenant create payments', 'an equal share'],
    ['tenant create payments --weight 2 --cpu-quota 16 --memory-quota 64g', 'twice the share, up to a bound'],
    ['tenant create payments --memory-guarantee 16g', 'memory that it can count on'],
  ])
  onAction<CreateOptions>(create, async ([name = ''], options) => {
    const client = new ManorClient(context, options)
    const body = newTenant(name, options)
    const view = await inOptionWords(CREATE_OPTIONS, () => client.send<TenantView>('POST', '/tenants', body))
    show(context, options.json, view, terminal =>
      [
        `Tenant ${name} is made. Give it a controller with: ${PROGRAM} controller create ${name}-ci --tenant ${name}`,
        ...noteLines([view], terminal),
      ].join('\n'),
    )
  })
}

const newTenant = (name: string, options: CreateOptions): NewTenant => {
  const quota = amountsOf({ cpu: options.cpuQuota, memory: options.memoryQuota, disk: options.diskQuota })
  const guarantee = amountsOf({ cpu: options.cpuGuarantee, memory: options.memoryGuarantee, disk: options.diskGuarantee })
  return {
    name,
    ...(options.weight === undefined ? {} : { weight: options.weight }),
    ...(quota === undefined ? {} : { quota }),
    ...(guarantee === undefined ? {} : { guarantee }),
    ...(options.preemptible === undefined ? {} : { policy: { preemptible: options.preemptible === 'yes' } }),
  }
}

type Given<Value> = { readonly cpu?: Value | undefined; readonly memory?: Value | undefined; readonly disk?: Value | undefined }
type Amounts<Value> = { cpu?: Value; memoryMb?: Value; diskMb?: Value }

const amountsOf = <Value>({ cpu, memory, disk }: Given<Value>): Amounts<Value> | undefined => {
  if (cpu === undefined && memory === undefined && disk === undefined) return undefined
  return {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memoryMb: memory }),
    ...(disk === undefined ? {} : { diskMb: disk }),
  }
}

/** The two commands that set amounts differ in their words alone. */
type AmountsCommand = {
  readonly field: 'quota' | 'guarantee'
  readonly summary: string
  readonly description: string
  readonly all: string
  readonly examples: readonly (readonly [string, string])[]
  readonly told: (name: string, amounts: string | undefined) => string
}

const QUOTA: AmountsCommand = {
  field: 'quota',
  summary: 'Bound what its agents may use',
  description: 'Set the most that the agents of a tenant may use at a time, over all its controllers. What is not named stays as it is.',
  all: 'take the whole quota away',
  examples: [
    ['tenant quota payments --cpu 16 --memory 64g', 'bound cores and memory'],
    ['tenant quota payments --cpu none', 'take the bound of cores away again'],
    ['tenant quota payments --none', 'take all of it away'],
  ],
  told: (name, amounts) =>
    amounts === undefined ? `Agents of ${name} have no quota.` : `Agents of ${name} may use at most ${amounts} at a time.`,
}

const GUARANTEE: AmountsCommand = {
  field: 'guarantee',
  summary: 'Say what its agents get before others',
  description:
    'Set what the agents of a tenant get before others get more than theirs. While it is not wanted, others may use it. What is not named stays as it is.',
  all: 'take the whole guarantee away',
  examples: [
    ['tenant guarantee payments --cpu 4 --memory 16g', 'what it can count on'],
    ['tenant guarantee payments --none', 'take it away'],
  ],
  told: (name, amounts) =>
    amounts === undefined
      ? `Nothing is guaranteed to agents of ${name}.`
      : `Agents of ${name} get ${amounts} before others get more than theirs.`,
}

const orNull = (given: number | 'none' | undefined): number | null | undefined => (given === 'none' ? null : given)

type AmountsOptions = Given<number | 'none'> & { readonly none?: boolean }

const registerAmounts = (parent: Command, context: CliContext, words: AmountsCommand): void => {
  const { field } = words
  const command = parent.command(field).summary(words.summary).description(words.description).argument('<tenant>')
  command.addOption(parsed('--cpu <cores>', 'cores, or none', orNone(parseCores)))
  command.addOption(parsed('--memory <size>', 'memory such as 64g, or none', orNone(parseSize)))
  command.addOption(parsed('--disk <size>', 'disk, or none', orNone(parseSize)))
  command.option('--none', words.all)
  withJson(command)
  examples(command, words.examples)
  const optionOf = { [`${field}.cpu`]: '--cpu', [`${field}.memoryMb`]: '--memory', [`${field}.diskMb`]: '--disk' }
  onAction<AmountsOptions>(command, async ([name = ''], options) => {
    const amounts = amountsOf({ cpu: orNull(options.cpu), memory: orNull(options.memory), disk: orNull(options.disk) })
    if (options.none && amounts !== undefined) throw new CliError('--none takes all away: give it alone.')
    if (!options.none && amounts === undefined)
      throw new CliError(`Nothing to change was given: use --cpu, --memory, --disk or --none (see ${PROGRAM} tenant ${field} --help).`)
    const view = await change(context, options, name, { [field]: options.none ? null : amounts }, optionOf)
    const set = view[field]
    show(context, options.json, view, terminal => [words.told(name, set && amountWords(set)), ...noteLines([view], terminal)].join('\n'))
  })
}

const registerWeight = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('weight')
    .summary('Set its share')
    .description('Set how much of the hosts a tenant gets where not all can have what they want, relative to the others.')
    .argument('<tenant>')
    .argument('<weight>', 'larger than 0; all weigh 1 unless told otherwise')
  withJson(command)
  examples(command, [['tenant weight payments 2', 'twice the share of a tenant that weighs 1']])
  onAction(command, async ([name = '', text = ''], options) => {
    const view = await change(context, options, name, { weight: parseWeight('weight', text) }, {})
    show(context, options.json, view, () => `Tenant ${name} weighs ${view.weight} now. Agents that run are not touched.`)
  })
}

const preemptible = (): Option =>
  new Option('--preemptible <yes|no>', 'whether its agents may be stopped for others, those that lose least first (default: no)').choices([
    'yes',
    'no',
  ])

const registerPolicy = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('policy')
    .summary('Say whether its agents may be stopped for others')
    .description(
      'Set whether agents of a tenant may be stopped, those that lose least first, to make room for controllers and for agents of tenants that have less than their guarantee. A build that runs on one is lost.',
    )
    .argument('<tenant>')
  command.addOption(preemptible())
  withJson(command)
  examples(command, [['tenant policy nightly --preemptible yes', 'its builds can be done again at any time']])
  onAction<Pick<CreateOptions, 'preemptible'>>(command, async ([name = ''], options) => {
    if (options.preemptible === undefined)
      throw new CliError(`Nothing to change was given: use --preemptible yes or no (see ${PROGRAM} tenant policy --help).`)
    const view = await change(context, options, name, { policy: { preemptible: options.preemptible === 'yes' } }, {})
    show(context, options.json, view, () => policySentence(view))
  })
}

const policySentence = ({ id, policy }: TenantView): string =>
  policy?.preemptible ? `Agents of ${id} may be stopped for others.` : `Agents of ${id} are never stopped for others.`

const change = (
  context: CliContext,
  options: ConstructorParameters<typeof ManorClient>[1],
  name: string,
  body: TenantChange,
  optionOf: Readonly<Record<string, string>>,
): Promise<TenantView> => {
  const client = new ManorClient(context, options)
  return aboutTenant(client, name, () => inOptionWords(optionOf, () => client.send<TenantView>('PATCH', path`/tenants/${name}`, body)))
}
