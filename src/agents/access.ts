import { type AccessKind, type Agent, accessKinds, type Denied, deniedOf, type Reason, type Template, type Tenant } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

type Why = Omit<Reason, 'since'>

/** What an engine says of what it can give; see Engine.gives. */
export type Gives = { readonly name: string; readonly gives?: readonly AccessKind[] }

/**
 * Why no agent of a template may be started for a tenant, or undefined where one may. Asked before one is queued, when it is placed and again when
 * it is launched: policies are withdrawn and templates change at any moment.
 */
export const accessDenied = (template: Template, tenant: Pick<Tenant, 'id' | 'access'> | undefined, engine: Gives): Why | undefined => {
  if (template.access === undefined) return undefined
  const [denied] = deniedOf(template.access, tenant?.access)
  if (denied !== undefined) return notAllowed(template, denied, tenant?.id ?? 'its tenant')
  const missing = accessKinds(template.access).find(kind => !engine.gives?.includes(kind))
  return missing === undefined ? undefined : notGiven(template, missing, engine.name)
}

/** The same of an agent, by its template and its tenant as they are now. One whose template is gone is refused elsewhere. */
export const agentDenied = (
  { template, tenant }: Pick<Agent, 'template' | 'tenant'>,
  rows: Pick<Reader, 'get'>,
  engine: Gives,
): Why | undefined => {
  const found = rows.get('template', template)
  return found === undefined ? undefined : accessDenied(found, rows.get('tenant', tenant), engine)
}

const notAllowed = ({ id }: Template, { field, what, option }: Denied, tenant: string): Why => ({
  code: 'not-allowed',
  message: `Template ${id} asks for ${what}, which tenant ${tenant} is not allowed.`,
  mend: `Let an administrator allow it (./manor tenant allow ${tenant} ${option}), or take it out of access.${field} of the template.`,
})

const WORDS: Readonly<Record<AccessKind, string>> = {
  privileged: 'a privileged container',
  capabilities: 'capabilities',
  hostPaths: 'paths of the host',
  hostNetwork: "the host's network",
}

const notGiven = ({ id }: Template, kind: AccessKind, engine: string): Why => ({
  code: 'not-allowed',
  message: `Template ${id} asks for ${WORDS[kind]}, which the engine ${engine} cannot give.`,
  mend: `Take it out of access.${kind} of the template, or run it on an engine that can: see the page of each engine.`,
})
