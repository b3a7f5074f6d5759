import { OperationError } from '../controllers/index.ts'
import { accessProblem, type Controller, deniedOf, nameProblem, SECOND, type Template, type Tenant, templateId } from '../model/index.ts'
import type { Reader, Store } from '../store/index.ts'
import { MAX_SPARES } from './spares.ts'

/** The template every installation starts with: small, takes anything. */
export const DEFAULT_TEMPLATE: Template = {
  id: templateId('default'),
  scope: { kind: 'global' },
  labels: ['linux'],
  takesUnlabelled: true,
  resources: { cpu: 1, memoryMb: 512, diskMb: 1024 },
  environment: {},
  constraints: {},
  connectTimeoutMs: 120 * SECOND,
}

/**
 * Templates that a controller may use, narrowest scope first, then by name: the first that matches an item is taken. Asked at every look at a
 * controller, so what was found for its row is kept until a template changes.
 */
export const templatesFor = (store: Pick<Reader, 'list'>, controller: Pick<Controller, 'id' | 'tenant'>): readonly Template[] => {
  const templates = store.list('template')
  const known = FOUND.get(controller)
  if (known?.among === templates) return known.own
  const { id, tenant } = controller
  const own = templates
    .filter(
      ({ scope }) =>
        scope.kind === 'global' ||
        (scope.kind === 'tenant' && scope.tenant === tenant) ||
        (scope.kind === 'controller' && scope.controller === id),
    )
    .sort((a, b) => RANK[a.scope.kind] - RANK[b.scope.kind] || (a.id < b.id ? -1 : 1))
  FOUND.set(controller, { among: templates, own })
  return own
}

/** Rows never change. */
const FOUND = new WeakMap<Pick<Controller, 'id' | 'tenant'>, { readonly among: readonly Template[]; readonly own: readonly Template[] }>()

const RANK = { controller: 0, tenant: 1, global: 2 } as const

const PLACEHOLDER = /\{([a-zA-Z]+)\}/g
const PLACEHOLDERS = ['java', 'agentJar', 'url', 'name', 'secretFile', 'workDirectory', 'memoryMb']
/** An agent's JVM does not start with less; see the sizes measured in docs/decisions. */
const MIN_AGENT_MEMORY_MB = 96
const LABEL = /^[^\s&|!<>()"',]+$/

/** Makes or replaces a template. Errors: `invalid` with the field; `not-allowed` where its tenant's policy does not allow what it asks of the hosts. */
export const applyTemplate = (store: Pick<Store, 'transact'>, template: Template, actor: string): Promise<Template> => {
  check(template)
  return store.transact(
    tx => {
      const scope = template.scope
      if (scope.kind === 'tenant' && !tx.get('tenant', scope.tenant))
        throw new OperationError('not-found', `scope.tenant: there is no tenant named ${scope.tenant}.`, { field: 'scope.tenant' })
      if (scope.kind === 'controller' && !tx.get('controller', scope.controller))
        throw new OperationError('not-found', `scope.controller: there is no controller named ${scope.controller}.`, {
          field: 'scope.controller',
        })
      checkAllowed(template, tenantOf(tx, template))
      const known = tx.get('template', template.id) !== undefined
      tx.put('template', template)
      tx.event({
        kind: 'template',
        subject: template.id,
        type: known ? 'changed' : 'created',
        actor,
        message: `Template ${template.id} was ${known ? 'changed' : 'created'}; agents that run are not touched.`,
      })
      return template
    },
    { flush: true },
  )
}

/** Deletes a template; agents that run are not touched. Errors: `not-found`. */
export const deleteTemplate = (store: Pick<Store, 'transact'>, id: string, actor: string): Promise<void> =>
  store.transact(
    tx => {
      if (!tx.get('template', id)) throw new OperationError('not-found', `There is no template named ${id}.`, { field: 'name' })
      tx.remove('template', id)
      tx.event({ kind: 'template', subject: id, type: 'deleted', actor, message: `Template ${id} was deleted.` })
    },
    { flush: true },
  )

/** Whose policy a template has to keep; undefined for one that is for everybody, where each tenant's own decides at each start. */
const tenantOf = (rows: Pick<Reader, 'get'>, { scope }: Template): Tenant | undefined => {
  if (scope.kind === 'global') return undefined
  const id = scope.kind === 'tenant' ? scope.tenant : rows.get('controller', scope.controller)?.tenant
  return id === undefined ? undefined : rows.get('tenant', id)
}

const checkAllowed = ({ access, scope }: Template, tenant: Tenant | undefined): void => {
  const [denied] = scope.kind === 'global' ? [] : deniedOf(access, tenant?.access)
  if (denied === undefined) return
  const { field, what, option } = denied
  throw new OperationError(
    'not-allowed',
    `access.${field} asks for ${what}, which tenant ${tenant?.id} is not allowed: leave it out, or let an administrator allow it (./manor tenant allow ${tenant?.id} ${option}).`,
    { field: `access.${field}` },
  )
}

const check = (template: Template): void => {
  const invalid = (field: string, message: string): never => {
    throw new OperationError('invalid', `${field} ${message}`, { field })
  }
  const problem = nameProblem(template.id)
  if (problem) invalid('id', `${problem}.`)
  for (const label of template.labels)
    if (!LABEL.test(label)) invalid('labels', `holds "${label}": a label is one word without operators (& | ! < > ( ) quotes or commas).`)
  if (template.labels.length === 0 && !template.takesUnlabelled)
    invalid('labels', 'is empty and takesUnlabelled is false: nothing would ever match; give a label.')
  const { cpu, memoryMb, diskMb } = template.resources
  if (!(cpu > 0 && cpu <= 1024)) invalid('resources.cpu', `is ${cpu}: give more than 0 and at most 1024 cores.`)
  if (!(memoryMb >= MIN_AGENT_MEMORY_MB)) invalid('resources.memoryMb', `is ${memoryMb}: give at least ${MIN_AGENT_MEMORY_MB} MB.`)
  if (!(diskMb >= 0)) invalid('resources.diskMb', `is ${diskMb}: give 0 or more MB.`)
  const { spares = 0 } = template
  if (!(Number.isInteger(spares) && spares >= 0 && spares <= MAX_SPARES))
    invalid('spares', `is ${spares}: give a whole number from 0 to ${MAX_SPARES}, for each controller that may use the template.`)
  if (!(template.connectTimeoutMs >= SECOND)) invalid('connectTimeoutMs', `is ${template.connectTimeoutMs}: give at least 1000 ms.`)
  const wrong = template.access && accessProblem(template.access)
  if (wrong) invalid(`access.${wrong.field}`, wrong.message)
  if (template.command?.length === 0) invalid('command', 'is empty: leave it out for the usual one.')
  for (const word of template.command ?? [])
    for (const [, name = ''] of word.matchAll(PLACEHOLDER))
      if (!PLACEHOLDERS.includes(name))
        invalid('command', `uses {${name}}: known are ${PLACEHOLDERS.map(known => `{${known}}`).join(' ')}.`)
}
