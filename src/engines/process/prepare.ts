import { chown, lstat, mkdir, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, normalize } from 'node:path'
import { accessWords, type Workload, type WorkloadMount } from '../../model/index.ts'
import { hasCode } from '../../runtime/index.ts'
import { EngineError } from '../engine.ts'
import type { Identity } from './identities.ts'
import { fillPlaceholders } from './placeholders.ts'
import { baseEnvironment } from './run-script.ts'
import { isWithin } from './view.ts'

/** A workload with its placeholders filled in: what will really run. */
export type Filled = {
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly workingDirectory: string
  readonly files: Workload['files']
}

/** Ids become directory names, control groups and parts of command lines. */
const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
/** Accounts are written into account files; the first character keeps them apart from the engine's own. */
const SAFE_ACCOUNT = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
/** All files of one workload together: policies and scripts, not data. */
const MAX_FILE_BYTES = 8 * 1_048_576

export const invalid = (message: string, mend: string): EngineError => new EngineError({ code: 'invalid-spec', message, mend }, false)

/** Refuses what could never run, before anything is made. An engine that gives access to its host checks that itself and passes it over here. */
export const checkWorkload = (workload: Workload, owner: string): void => {
  const { id, labels, account, command, environment, files, mounts, access } = workload
  if (!SAFE_ID.test(id))
    throw invalid(`The workload id "${id}" cannot be a file name.`, 'Use letters, digits, ".", "_" and "-", at most 128.')
  if (labels.owner !== owner)
    throw invalid(`The workload ${id} belongs to ${labels.owner}, and this engine to ${owner}.`, 'Give the owner of this engine.')
  if (access !== undefined)
    throw invalid(`${id} asks for what this engine cannot give: ${accessWords(access)}.`, 'Take it out of the access of its template.')
  if (!SAFE_ACCOUNT.test(account))
    throw invalid(`"${account}" is no account.`, 'Use letters, digits, ".", "_", "-" and "/", at most 128, with a letter or digit first.')
  const [program] = command
  if (program === undefined || program === '' || program.startsWith('-'))
    throw invalid(`The command of ${id} names no program.`, 'Give the program as the first word of the command.')
  for (const text of [...command, ...Object.values(environment)])
    if (text.includes('\0')) throw invalid(`The command or environment of ${id} holds a zero byte.`, 'Take it out.')
  for (const name of Object.keys(environment))
    if (!VARIABLE_NAME.test(name))
      throw invalid(`"${name}" is no name for an environment variable.`, 'Use letters, digits and "_", with no digit first.')
  for (const { path } of files)
    if (isAbsolute(path) || !isWithin(join('/dir', path), '/dir') || normalize(path) === '.' || path.endsWith('/'))
      throw invalid(`The file "${path}" lies outside the workload's private directory.`, 'Give a path relative to it.')
  if (files.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0) > MAX_FILE_BYTES)
    throw invalid(`The files of ${id} hold more than ${MAX_FILE_BYTES} bytes together.`, 'Mount a directory instead.')
  for (const { source, target } of mounts) {
    if (!isAbsolute(source)) throw invalid(`The mount "${source}" is no absolute path.`, 'Give the whole path.')
    if (source !== target)
      throw invalid(
        `The mount ${source} is wanted at ${target}, and the process engine mounts everything at its own place.`,
        'Give the same path for both.',
      )
  }
}

export const fillWorkload = (workload: Workload, dir: string, ports: Readonly<Record<string, number>>): Filled => {
  const fill = (text: string): string =>
    fillPlaceholders(text, dir, ports, name => {
      throw invalid(
        `The port ${name} is used but not declared.`,
        `Declare it under ports, or use one of: ${Object.keys(ports).join(', ') || 'none is declared'}.`,
      )
    })
  const given = Object.entries(workload.environment).map(([name, value]) => [name, fill(value)] as const)
  return {
    command: workload.command.map(fill),
    environment: { ...baseEnvironment(workload.id, dir), ...Object.fromEntries(given) },
    workingDirectory: workload.workingDirectory === undefined ? dir : fill(workload.workingDirectory),
    files: workload.files.map(file => ({ ...file, content: fill(file.content) })),
  }
}

export type CheckedMount = WorkloadMount & { readonly isDirectory: boolean }

/** Looks the mounts up. Where one leads elsewhere through a link, that place is mounted too. */
export const checkMounts = async (mounts: readonly WorkloadMount[]): Promise<CheckedMount[]> => {
  const checked: CheckedMount[] = []
  for (const { source, readOnly } of mounts) {
    const real = await realpath(source).catch(cause => {
      throw new EngineError(
        { code: 'invalid-spec', message: `The mount ${source} is not there.`, mend: 'Make it first, or leave it out.' },
        false,
        { cause },
      )
    })
    const isDirectory = (await stat(real)).isDirectory()
    for (const path of new Set([normalize(source), real])) checked.push({ source: path, target: path, readOnly, isDirectory })
  }
  return checked
}

/** Makes the private directory with its files, all owned by the workload's user. Anything there already is replaced: nothing has run yet. */
export const makePrivateDirectory = async (dir: string, filled: Filled, identity: Identity | undefined): Promise<void> => {
  const give = async (path: string): Promise<void> => {
    if (identity) await chown(path, identity.uid, identity.gid)
  }
  const makeDirectory = async (path: string): Promise<void> => {
    if (await isDirectoryAt(path)) return
    if (path !== dir) await makeDirectory(dirname(path))
    await mkdir(path, { mode: 0o700 })
    await give(path)
  }
  await makeDirectory(dir)
  await makeDirectory(join(dir, 'tmp'))
  for (const file of filled.files) {
    const path = join(dir, file.path)
    await makeDirectory(dirname(path))
    await writeFile(path, file.content, { mode: file.mode, flag: 'wx' })
    await give(path)
  }
}

const isDirectoryAt = async (path: string): Promise<boolean> => {
  try {
    return (await lstat(path)).isDirectory()
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return false
    throw cause
  }
}
