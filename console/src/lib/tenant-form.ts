/** What the forms for a tenant hold, what of it is wrong before the server is asked, and what is asked. Pure. */
import type { NewTenant, SomeResourcesView, TenantChange, TenantView } from '../../../src/api/contract.ts'
import { nameProblem } from '../../../src/model/index.ts'
import { parseMemory } from './new-controller.ts'
import { RESOURCE_NAMES, type ResourceName } from './tenant-shares.ts'

type Bound = 'quota' | 'guarantee'
/** By field of the API, so that a server's answer and ours stand at the same place. */
export type AmountField = `${Bound}.${ResourceName}`
export type TextField = 'name' | 'weight' | AmountField
export type TenantDraft = { readonly [Field in TextField]: string } & { readonly preemptible: boolean }

const BOUNDS = ['quota', 'guarantee'] as const
export const AMOUNT_FIELDS: readonly AmountField[] = BOUNDS.flatMap(bound => RESOURCE_NAMES.map(name => `${bound}.${name}` as const))

export const EMPTY_TENANT: TenantDraft = {
  name: '',
  weight: '1',
  'quota.cpu': '',
  'quota.memoryMb': '',
  'quota.diskMb': '',
  'guarantee.cpu': '',
  'guarantee.memoryMb': '',
  'guarantee.diskMb': '',
  preemptible: false,
}

const resourceOf = (field: AmountField): ResourceName =>
  field.endsWith('cpu') ? 'cpu' : field.endsWith('memoryMb') ? 'memoryMb' : 'diskMb'
const boundOf = (field: AmountField): Bound => (field.startsWith('quota') ? 'quota' : 'guarantee')

/** The largest unit that says it without a fraction, so that what is shown is read back as it was. */
const textOf = (name: ResourceName, value: number | undefined): string => {
  if (value === undefined) return ''
  if (name === 'cpu') return String(value)
  return value > 0 && value % 1_024 === 0 ? `${value / 1_024}g` : `${value}m`
}

/** The form as the tenant is now. */
export const draftOf = (tenant: TenantView): TenantDraft => {
  const texts = AMOUNT_FIELDS.map(field => [field, textOf(resourceOf(field), tenant[boundOf(field)]?.[resourceOf(field)])] as const)
  const amounts = Object.fromEntries(texts) as Record<AmountField, string>
  return { ...EMPTY_TENANT, ...amounts, name: tenant.id, weight: String(tenant.weight), preemptible: tenant.policy?.preemptible ?? false }
}

/** What a field's text means: undefined for nothing, NaN for what is no amount. */
const amountOf = (field: AmountField, text: string): number | undefined => {
  if (text.trim() === '') return undefined
  if (resourceOf(field) !== 'cpu') return parseMemory(text) ?? Number.NaN
  const value = Number(text)
  return value >= 0 ? value : Number.NaN
}

export const tenantProblems = (draft: TenantDraft, taken: ReadonlySet<string>): Readonly<Record<string, string>> => {
  const problems: Record<string, string> = {}
  const named = nameProblem(draft.name)
  if (named !== undefined) problems.name = `The name ${named}.`
  else if (taken.has(draft.name)) problems.name = `There is a tenant named ${draft.name} already: choose another name.`
  if (!(Number(draft.weight) > 0)) problems.weight = `"${draft.weight}" is no weight. Give a number larger than 0, such as 2 or 0.5.`
  for (const field of AMOUNT_FIELDS) {
    const value = amountOf(field, draft[field])
    if (value === undefined || !Number.isNaN(value)) continue
    problems[field] =
      resourceOf(field) === 'cpu'
        ? `"${draft[field]}" is no number of cores. Give one such as 0.5 or 16, or nothing.`
        : `"${draft[field]}" is no size. Give one such as 64g or 512m, or nothing.`
  }
  for (const name of RESOURCE_NAMES) {
    const most = amountOf(`quota.${name}`, draft[`quota.${name}`])
    const sure = amountOf(`guarantee.${name}`, draft[`guarantee.${name}`])
    if (most !== undefined && sure !== undefined && sure > most) problems[`guarantee.${name}`] = 'This is above the quota beside it.'
  }
  return problems
}

const amountsOf = (draft: TenantDraft, bound: Bound): SomeResourcesView | undefined => {
  const named = RESOURCE_NAMES.flatMap(name => {
    const value = amountOf(`${bound}.${name}`, draft[`${bound}.${name}`])
    return value === undefined ? [] : [[name, value] as const]
  })
  return named.length === 0 ? undefined : Object.fromEntries(named)
}

/** What is usual is left out, so that the request says what was chosen. */
export const newTenantOf = (draft: TenantDraft): NewTenant => {
  const [quota, guarantee] = [amountsOf(draft, 'quota'), amountsOf(draft, 'guarantee')]
  return {
    name: draft.name,
    ...(Number(draft.weight) === 1 ? {} : { weight: Number(draft.weight) }),
    ...(quota === undefined ? {} : { quota }),
    ...(guarantee === undefined ? {} : { guarantee }),
    ...(draft.preemptible ? { policy: { preemptible: true } } : {}),
  }
}

/** Only what differs from what the tenant is: what somebody else changed meanwhile stays. Undefined where nothing does. */
export const changeOf = (draft: TenantDraft, tenant: TenantView): TenantChange | undefined => {
  const amounts = (bound: Bound): Record<string, number | null> | undefined => {
    const changed = RESOURCE_NAMES.flatMap(name => {
      const value = amountOf(`${bound}.${name}`, draft[`${bound}.${name}`])
      return value === tenant[bound]?.[name] ? [] : [[name, value ?? null] as const]
    })
    return changed.length === 0 ? undefined : Object.fromEntries(changed)
  }
  const [quota, guarantee] = [amounts('quota'), amounts('guarantee')]
  const change: TenantChange = {
    ...(Number(draft.weight) === tenant.weight ? {} : { weight: Number(draft.weight) }),
    ...(quota === undefined ? {} : { quota }),
    ...(guarantee === undefined ? {} : { guarantee }),
    ...(draft.preemptible === (tenant.policy?.preemptible ?? false) ? {} : { policy: draft.preemptible ? { preemptible: true } : null }),
  }
  return Object.keys(change).length === 0 ? undefined : change
}

const OPTION: Readonly<Record<ResourceName, string>> = { cpu: 'cpu', memoryMb: 'memory', diskMb: 'disk' }
const compact = (text: string, name: ResourceName): string =>
  name === 'cpu' || /[a-z]$/i.test(text.trim()) ? text.replaceAll(' ', '') : `${text.trim()}m`

/** The same wish on the command line, to copy. */
export const createCommandOf = (draft: TenantDraft): string => {
  const weight = draft.weight === '1' || draft.weight === '' ? '' : ` --weight ${draft.weight}`
  const amounts = AMOUNT_FIELDS.filter(field => draft[field].trim() !== '').map(
    field => ` --${OPTION[resourceOf(field)]}-${boundOf(field)} ${compact(draft[field], resourceOf(field))}`,
  )
  return `./manor tenant create ${draft.name || 'NAME'}${weight}${amounts.join('')}${draft.preemptible ? ' --preemptible yes' : ''}`
}

export const changeCommandsOf = (name: string, change: TenantChange): readonly string[] => {
  const amounts = (bound: Bound): readonly string[] => {
    const given = change[bound]
    if (given === undefined || given === null) return []
    const options = RESOURCE_NAMES.filter(each => given[each] !== undefined).map(
      each => ` --${OPTION[each]} ${given[each] === null ? 'none' : textOf(each, given[each] ?? undefined)}`,
    )
    return [`./manor tenant ${bound} ${name}${options.join('')}`]
  }
  return [
    ...(change.weight === undefined ? [] : [`./manor tenant weight ${name} ${change.weight}`]),
    ...amounts('quota'),
    ...amounts('guarantee'),
    ...(change.policy === undefined ? [] : [`./manor tenant policy ${name} --preemptible ${change.policy?.preemptible ? 'yes' : 'no'}`]),
  ]
}
