import { access, constants, rename, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CliError } from '../errors.ts'

/** Found out before a run of hours, not after it. Rejects with a CliError where the file could not be written. */
export const checkReportFile = async (file: string): Promise<void> => {
  const folder = dirname(file)
  try {
    await access(folder, constants.W_OK)
  } catch (cause) {
    throw new CliError(
      `--report cannot write into ${folder}: give a file in a folder that is there and that you may write to.`,
      undefined,
      { cause },
    )
  }
  const known = await stat(file).catch(() => undefined)
  if (known?.isDirectory()) throw new CliError(`--report is the folder ${file}: give the name of a file in it.`)
}

/** Written beside it first, so that a reader never sees half a page. */
export const writeReportFile = async (file: string, page: string): Promise<void> => {
  const beside = `${file}.${process.pid}.part`
  await writeFile(beside, page)
  await rename(beside, file)
}
