/**
 * Branded ids. A brand keeps a controller's id from being passed where an agent's is meant; at run time each is a plain string.
 *
 * Names that a person chose (controllers, tenants, templates) are DNS labels, because they become hosts and paths
 * (RFC 1123 section 2.1: lower case letters, digits and hyphens, 1 to 63 long, no hyphen at either end). A controller's name is
 * kept shorter, so that what is derived from it still fits.
 */
declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

export type ControllerId = Branded<'ControllerId'>
export type AgentId = Branded<'AgentId'>
export type TemplateId = Branded<'TemplateId'>
export type TenantId = Branded<'TenantId'>
export type HostId = Branded<'HostId'>
export type WorkloadId = Branded<'WorkloadId'>
/** One item of one controller's build queue; unique within that controller for ever. */
export type ItemId = Branded<'ItemId'>

/** Longest name of a controller, tenant or template: leaves room for a suffix within a 63 character DNS label. */
export const MAX_NAME_LENGTH = 40

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

/** Says what is wrong with a name, or undefined where it is right. The sentence says the mend. */
export const nameProblem = (name: string): string | undefined => {
  if (name.length === 0) return 'is empty: give 1 to 40 lower case letters, digits or hyphens'
  if (name.length > MAX_NAME_LENGTH) return `is ${name.length} characters long: at most ${MAX_NAME_LENGTH} are allowed`
  if (!DNS_LABEL.test(name))
    return `"${name}" is not a DNS label: use lower case letters, digits and hyphens, with a letter or digit at each end (for example team-a)`
  return undefined
}

export const controllerId = (name: string): ControllerId => name as ControllerId
export const agentId = (name: string): AgentId => name as AgentId
export const templateId = (name: string): TemplateId => name as TemplateId
export const tenantId = (name: string): TenantId => name as TenantId
export const hostId = (name: string): HostId => name as HostId
export const workloadId = (name: string): WorkloadId => name as WorkloadId
export const itemId = (id: string): ItemId => id as ItemId
