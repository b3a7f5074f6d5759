/** What the form for a new controller holds, and what of it is wrong before the server is asked. Pure. */
import type { NewController } from '../../../src/api/contract.ts'
import { nameProblem } from '../../../src/model/index.ts'

export type Draft = {
  readonly name: string
  readonly tenant: string
  readonly memory: string
  readonly cpu: string
  readonly disk: string
  readonly distribution: '' | 'jenkins' | 'hudson'
  readonly version: string
}

export const EMPTY_DRAFT: Draft = { name: '', tenant: 'default', memory: '', cpu: '', disk: '', distribution: '', version: '' }

const MEMORY = /^(\d+(?:\.\d+)?)\s*(m|mb|g|gb|t|tb)?$/i
const MEBIBYTES: Readonly<Record<string, number>> = { m: 1, g: 1_024, t: 1_048_576 }

/** `512`, `512m`, `1.5 GB`; a bare number is MB. Undefined where it is no size. */
export const parseMemory = (text: string): number | undefined => {
  const found = MEMORY.exec(text.trim())
  if (!found) return undefined
  return Math.round(Number(found[1]) * (MEBIBYTES[(found[2] ?? 'm').charAt(0).toLowerCase()] ?? 1))
}

const SIZE_MEND = 'Give a size such as 1g or 768m.'

/** By field of the API, so that a server's answer and this stand at the same place. */
export const draftProblems = (draft: Draft, taken: ReadonlySet<string>): Readonly<Record<string, string>> => {
  const problems: Record<string, string> = {}
  const named = nameProblem(draft.name)
  if (named !== undefined) problems.name = `The name ${named}.`
  else if (taken.has(draft.name)) problems.name = `There is a controller named ${draft.name} already: choose another name.`
  if (draft.memory !== '' && parseMemory(draft.memory) === undefined) problems.memoryMb = `"${draft.memory}" is no size. ${SIZE_MEND}`
  if (draft.disk !== '' && parseMemory(draft.disk) === undefined) problems.diskMb = `"${draft.disk}" is no size. ${SIZE_MEND}`
  if (draft.cpu !== '' && !(Number(draft.cpu) > 0)) problems.cpu = `"${draft.cpu}" is no number of cores. Give one such as 0.5 or 2.`
  return problems
}

/** What is empty is left out, so that the server's defaults hold. */
export const requestOf = (draft: Draft): NewController => {
  const memoryMb = parseMemory(draft.memory)
  const diskMb = parseMemory(draft.disk)
  return {
    name: draft.name,
    ...(draft.tenant === '' ? {} : { tenant: draft.tenant }),
    ...(memoryMb === undefined ? {} : { memoryMb }),
    ...(diskMb === undefined ? {} : { diskMb }),
    ...(draft.cpu === '' ? {} : { cpu: Number(draft.cpu) }),
    ...(draft.distribution === '' ? {} : { distribution: draft.distribution }),
    ...(draft.version === '' ? {} : { version: draft.version }),
  }
}

/** The same wish on the command line, to copy. */
export const commandOf = (draft: Draft): string => {
  const option = (name: string, value: string, usual = ''): string =>
    value === '' || value === usual ? '' : ` --${name} ${value.replaceAll(' ', '')}`
  return `./manor controller create ${draft.name === '' ? 'NAME' : draft.name}${option('tenant', draft.tenant, 'default')}${option('memory', draft.memory)}${option('cpu', draft.cpu)}${option('disk', draft.disk)}${option('distribution', draft.distribution)}${option('version', draft.version)}`
}
