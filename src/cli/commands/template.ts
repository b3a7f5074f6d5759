import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { TemplateView } from '../../api/contract.ts'
import { ManorClient, path } from '../client.ts'
import { type CommandModule, examples, onAction, withJson } from '../command-module.ts'
import { type CliContext, PROGRAM } from '../context.ts'
import { CliError } from '../errors.ts'
import { say, show } from '../output/print.ts'
import { type Column, table } from '../output/table.ts'
import { formatCores, formatDuration, formatSize } from '../output/units.ts'
import { readTemplates, writeTemplate } from '../template-file.ts'

/** A template is a page of text; a file that is larger was given by mistake. */
const MAX_FILE_BYTES = 1_048_576

export const templateCommand: CommandModule = {
  register: (command, context) => {
    command.description('Templates: how build agents for a label are made, and how large.')
    registerList(command, context)
    registerShow(command, context)
    registerApply(command, context)
    registerDelete(command, context)
    examples(command, [
      ['template show default > linux.yaml', 'take one as a start'],
      ['template apply linux.yaml', 'make or change the templates of a file'],
    ])
  },
}

const registerList = (parent: Command, context: CliContext): void => {
  const list = parent.command('list').summary('List them').description('List templates.')
  withJson(list)
  examples(list, [['template list', 'see which labels have agents']])
  onAction(list, async (_, options) => {
    const views = await new ManorClient(context, options).get<readonly TemplateView[]>('/templates')
    show(context, options.json, views, terminal =>
      views.length === 0
        ? `No templates: builds find no agents until there is one (${PROGRAM} template apply --help).`
        : table(views, COLUMNS, terminal),
    )
  })
}

const COLUMNS: readonly Column<TemplateView>[] = [
  { title: 'TEMPLATE', cell: ({ id }) => id },
  { title: 'LABELS', cell: ({ labels, takesUnlabelled }) => [...labels, ...(takesUnlabelled ? ['(and none)'] : [])].join(' '), least: 12 },
  { title: 'CORES', cell: ({ resources }) => formatCores(resources.cpu), align: 'right', droppable: 2 },
  { title: 'MEMORY', cell: ({ resources }) => formatSize(resources.memoryMb), align: 'right' },
  { title: 'DISK', cell: ({ resources }) => formatSize(resources.diskMb), align: 'right', droppable: 3 },
  { title: 'ADVICE', cell: ({ memoryAdvice }) => adviceText(memoryAdvice), droppable: 6 },
  { title: 'FOR', cell: ({ scope }) => scopeText(scope), least: 8, droppable: 1 },
  { title: 'SPARES', cell: ({ spares }) => String(spares), align: 'right', droppable: 5 },
  { title: 'CONNECTS WITHIN', cell: ({ connectTimeoutMs }) => formatDuration(connectTimeoutMs), align: 'right', droppable: 4 },
]

/** In a word or two, beside the size that it asks for; why is in the template's own page. */
const adviceText = ({ kind, memoryMb }: TemplateView['memoryAdvice']): string => {
  switch (kind) {
    case 'more':
    case 'heap':
      return `give ${formatSize(memoryMb ?? 0)}`
    case 'less':
      return `${formatSize(memoryMb ?? 0)} would do`
    case 'fits':
      return 'fits'
    case 'not-measured':
      return 'not measured'
    case 'too-few':
      return ''
  }
}

const scopeText = (scope: TemplateView['scope']): string => {
  switch (scope.kind) {
    case 'global':
      return 'everybody'
    case 'tenant':
      return `tenant ${scope.tenant}`
    case 'controller':
      return `controller ${scope.controller}`
  }
}

const registerShow = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('show')
    .summary('Show one, as a file')
    .description('Show a template as the file that "template apply" takes.')
    .argument('<template>')
  withJson(command)
  examples(command, [['template show default > linux.yaml', 'take it as a start']])
  onAction(command, async ([name = ''], options) => {
    const view = await new ManorClient(context, options).get<TemplateView>(path`/templates/${name}`)
    if (options.json) return show(context, true, view, () => '')
    // A comment: what is shown stays a file that can be applied.
    say(context, `# Memory: ${view.memoryAdvice.message}\n${await writeTemplate(view)}`)
  })
}

const FILE_HELP = `
A file holds one template, or several with --- between them:
  name: linux
  labels: [linux, java]
  resources: { cpu: 1, memory: 1g, disk: 5g }

Further fields: scope, takesUnlabelled, environment, command, image, constraints, access, connectTimeout, spares. What is left out is as Manor has it by default.`

const registerApply = (parent: Command, context: CliContext): void => {
  const apply = parent
    .command('apply')
    .summary('Make or change those of a file')
    .description('Make templates, or change them to be what a YAML or JSON file says.')
    .argument('<file>', '- reads standard input')
    .addHelpText('after', FILE_HELP)
  withJson(apply)
  examples(apply, [
    ['template apply linux.yaml', 'make or change the templates of linux.yaml'],
    ['template apply - < linux.yaml', 'from standard input'],
  ])
  onAction(apply, async ([file = ''], options) => {
    // All of the file is read and checked before anything is changed.
    const templates = await readTemplates(file === '-' ? 'standard input' : file, await readText(file, context))
    const client = new ManorClient(context, options)
    const views: TemplateView[] = []
    for (const { name, body } of templates) {
      views.push(await client.send<TemplateView>('PUT', path`/templates/${name}`, body))
      if (!options.json) say(context, `Template ${name} is applied.`)
    }
    if (options.json) show(context, true, views, () => '')
  })
}

const readText = async (file: string, context: CliContext): Promise<string> => {
  try {
    const text = file === '-' ? await readAll(context.stdin) : await readFile(file, 'utf8')
    if (text.length > MAX_FILE_BYTES) throw new CliError(`${file} is larger than ${MAX_FILE_BYTES} bytes: is it a template?`)
    return text
  } catch (cause) {
    if (cause instanceof CliError) throw cause
    const code = cause instanceof Error && 'code' in cause ? cause.code : String(cause)
    throw new CliError(
      `${file} cannot be read${code === 'ENOENT' ? ': there is no such file' : ` (${code})`}. Check the path.`,
      undefined,
      { cause },
    )
  }
}

const readAll = async (stream: CliContext['stdin']): Promise<string> => {
  let text = ''
  for await (const chunk of stream) {
    text += String(chunk)
    if (text.length > MAX_FILE_BYTES) break
  }
  return text
}

const registerDelete = (parent: Command, context: CliContext): void => {
  const command = parent
    .command('delete')
    .summary('Delete one')
    .description('Delete a template. Agents that it made go on; its labels get no new ones.')
    .argument('<template>')
  withJson(command)
  examples(command, [['template delete linux', 'make no more agents of it']])
  onAction(command, async ([name = ''], options) => {
    await new ManorClient(context, options).send('DELETE', path`/templates/${name}`)
    show(context, options.json, { id: name, deleted: true }, () => `Template ${name} is deleted.`)
  })
}
