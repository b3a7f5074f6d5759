import { resolve } from 'node:path'
import { CliError } from '../errors.ts'
import type { ConfigOptions } from './config-file.ts'

/** What `manor up` was asked, as commander gives it. */
export type UpOptions = ConfigOptions & {
  readonly port: number
  readonly detach?: boolean
  readonly sample: boolean
  readonly once?: boolean
  readonly distribution?: 'jenkins' | 'hudson'
  readonly war?: string
}

export const DEFAULT_PORT = 7070

export const parsePort = (what: string, text: string): number => {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new CliError(`${what} is "${text}": give a number from 1 to 65535, or 0 for any free port.`)
  return port
}

export const parseDistribution = (what: string, text: string): 'jenkins' | 'hudson' => {
  if (text !== 'jenkins' && text !== 'hudson')
    throw new CliError(`${what} is "${text}": give jenkins or hudson, or leave it out to take what can be had.`)
  return text
}

/** Controllers run in directories of their own, so a path is made absolute where it was typed. */
export const parseFile = (_what: string, text: string): string => resolve(text)

export const checkTogether = (options: UpOptions): void => {
  if (options.once && options.detach) throw new CliError('--once and --detach exclude each other: --once ends by itself, --detach goes on.')
  if (options.once && !options.sample)
    throw new CliError('--once and --no-sample exclude each other: --once runs the sample build and ends.')
}
