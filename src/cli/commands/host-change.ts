import { Argument, type Command, Option } from 'commander'
import type { HostActionRequest, HostChange, HostDetailView, HostView } from '../../api/contract.ts'
import { HOST_ROLES, type HostRole, type Milliseconds } from '../../model/index.ts'
import { inOptionWords, ManorClient, path } from '../client.ts'
import { type CommonOptions, completedBy, examples, onAction, parsed, withJson } from '../command-module.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { CliError, EXIT } from '../errors.ts'
import { remark, show } from '../output/print.ts'
import { count, formatDuration } from '../output/units.ts'
import { parseDuration } from '../quantities.ts'
import { purposeOf } from './host-text.ts'

export const registerHostChanges = (parent: Command, context: CliContext): void => {
  registerCordon(parent, context)
  registerUncordon(parent, context)
  registerDrain(parent, context)
  registerRole(parent, context)
  registerReserve(parent, context)
  registerUnreserve(parent, context)
}

const act = (client: ManorClient, name: string, request: HostActionRequest): Promise<HostView> =>
  inOptionWords({ deadlineMs: '--deadline' }, () => client.send<HostView>('POST', path`/hosts/${name}/actions`, request))

const change = (client: ManorClient, name: string, body: HostChange): Promise<HostView> =>
  inOptionWords({ reservedFor: '--tenant' }, () => client.send<HostView>('PATCH', path`/hosts/${name}`, body))

const registerCordon = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('cordon')
    .summary('Put nothing new on it')
    .description('Take a host out of service: nothing new comes to it, and what runs there goes on.')
    .argument('<host>')
  withJson(command)
  examples(command, [['host cordon h1', 'let nothing new come to it']])
  onAction(command, async ([name = ''], options) => {
    const view = await act(new ManorClient(context, options), name, { action: 'cordon' })
    show(context, options.json, view, () => `Host ${name} takes nothing new. Let it again with: ${PROGRAM} host uncordon ${name}`)
  })
}

const registerUncordon = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('uncordon')
    .summary('Let it take work again')
    .description('Put a host back into service, also one that is being emptied. What has left it stays where it is.')
    .argument('<host>')
  withJson(command)
  examples(command, [['host uncordon h1', 'after its maintenance']])
  onAction(command, async ([name = ''], options) => {
    const view = await act(new ManorClient(context, options), name, { action: 'uncordon' })
    show(context, options.json, view, () => `Host ${name} takes work again.`)
  })
}

type DrainOptions = { readonly deadline?: Milliseconds; readonly wait?: boolean; readonly timeout?: Milliseconds }

const registerDrain = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('drain')
    .summary('Empty it: builds end, then controllers move')
    .description(
      'Empty a host. Nothing new comes to it, builds end, then its controllers move to other hosts, one after the other, each after its own builds. Without a deadline it waits as long as that takes, and stops no controller that has nowhere to go.',
    )
    .argument('<host>')
  command.addOption(
    parsed(
      '--deadline <time>',
      'after so long (30d at most) builds that still run are ended, and controllers stop even if they have nowhere to go',
      parseDuration,
    ),
  )
  command.option('--wait', 'come back when it is empty')
  command.addOption(parsed('--timeout <time>', 'wait at most so long (default: as long as it takes)', parseDuration))
  withJson(command)
  examples(command, [
    ['host drain h1', 'let its builds end, however long they take'],
    ['host drain h1 --deadline 30m --wait', 'be sure that it is empty in little more than half an hour'],
  ])
  onAction<DrainOptions>(command, async ([name = ''], options) => {
    if (options.timeout !== undefined && !options.wait) throw new CliError('--timeout is for --wait: give both.')
    const client = new ManorClient(context, options)
    const { deadline } = options
    await act(client, name, { action: 'drain', ...(deadline === undefined ? {} : { deadlineMs: deadline }) })
    const view = await client.get<HostDetailView>(path`/hosts/${name}`)
    if (options.wait) return waitUntilEmpty(client, context, view, options)
    show(context, options.json, view, () => toldOfDrain(view, deadline))
  })
}

const toldOfDrain = ({ id, controllers, agents }: HostDetailView, deadline: Milliseconds | undefined): string =>
  [
    `Host ${id} is being emptied of ${count(controllers.length, 'controller')} and ${count(agents.length, 'agent')}${deadline === undefined ? '' : `; builds have ${formatDuration(deadline)}`}.`,
    `See what it waits for with: ${PROGRAM} host show ${id}`,
  ].join('\n')

/** From one look to the next. */
const LOOK_MS = 1_000

const waitUntilEmpty = async (
  client: ManorClient,
  context: CliContext,
  first: HostDetailView,
  { json, timeout }: DrainOptions & CommonOptions,
): Promise<void> => {
  const since = context.clock.monotonic()
  let view = first
  let said = ''
  while (view.state !== 'drained') {
    const sentence = view.reason?.message ?? ''
    if (sentence !== said) remark(context, sentence)
    said = sentence
    if (view.state === 'ready' || view.state === 'cordoned')
      throw new CliError(`Somebody else took the drain of host ${view.id} back: it is ${view.state}.`, EXIT.failed)
    if (timeout !== undefined && context.clock.monotonic() - since >= timeout)
      throw new CliError(
        `Host ${view.id} is not empty after ${formatDuration(timeout)}. ${sentence} The drain goes on; see ${PROGRAM} host show ${view.id}.`,
        EXIT.failed,
      )
    await context.clock.sleep(LOOK_MS, context.signal)
    view = await client.get<HostDetailView>(path`/hosts/${view.id}`)
  }
  show(context, json, view, () => `Host ${view.id} is empty.`)
}

const registerRole = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('role')
    .summary('Say whether it is for controllers, builds or both')
    .description('Say what a host is for. What runs there goes on, also where it could not come there any more.')
    .argument('<host>')
    .addArgument(new Argument('<role>', 'what comes to it from now on').choices(HOST_ROLES))
  withJson(command)
  examples(command, [['host role h1 builds', 'keep controllers off it']])
  onAction(command, async ([name = '', role = ''], options) => {
    const view = await change(new ManorClient(context, options), name, { role: role as HostRole })
    show(context, options.json, view, () => told(view))
  })
}

const registerReserve = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('reserve')
    .summary('Keep it for one tenant')
    .description('Keep a host for the controllers and builds of one tenant. What others run there goes on.')
    .argument('<host>')
  command.addOption(completedBy(new Option('--tenant <tenant>', 'for whom').makeOptionMandatory(), 'tenant'))
  withJson(command)
  examples(command, [['host reserve h1 --tenant payments', 'workers of their own for one team']])
  onAction<{ readonly tenant: string }>(command, async ([name = ''], options) => {
    const view = await change(new ManorClient(context, options), name, { reservedFor: options.tenant })
    show(context, options.json, view, () => told(view))
  })
}

const registerUnreserve = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('unreserve')
    .summary('Open it for all tenants')
    .description('Open a host for all tenants that was kept for one, also where manor.yaml or the engine keeps it.')
    .argument('<host>')
  withJson(command)
  examples(command, [['host unreserve h1', 'share it again']])
  onAction(command, async ([name = ''], options) => {
    const view = await change(new ManorClient(context, options), name, { reservedFor: null })
    show(context, options.json, view, () => told(view))
  })
}

const told = (view: HostView): string =>
  `Host ${view.id} is for ${view.role === 'any' && view.reservedFor === undefined ? 'all' : purposeOf(view)} now.`
