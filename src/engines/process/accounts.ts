import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Identity } from './identities.ts'
import type { Replaced } from './view.ts'

/**
 * The account files that a workload sees: the machine's, with its own user and group in front. Without an entry, Java takes "?" for the
 * user's home and name, so that Maven keeps its repository in a directory of that name, and ssh refuses to run at all.
 */
export const writeAccounts = async (root: string, account: string, identity: Identity, home: string): Promise<Replaced[]> => {
  const name = userName(account)
  const files = [
    { target: '/etc/passwd', own: `${name}:x:${identity.uid}:${identity.gid}:Workloads of Manor:${home}:/bin/sh` },
    { target: '/etc/group', own: `${name}:x:${identity.gid}:` },
  ]
  return Promise.all(
    files.map(async ({ target, own }) => {
      const source = join(root, target.slice('/etc/'.length))
      await writeFile(source, `${own}\n${await readFile(target, 'utf8')}`, { mode: 0o644 })
      return { source, target }
    }),
  )
}

/** What useradd(8) takes at most; some tools cut longer names or refuse them. */
const MAX_NAME_LENGTH = 32

/**
 * The name that programs show for an account's user. Two accounts may come to the same one: each workload sees its own alone, and what it may
 * do follows from the id. The prefix keeps it from being taken for a user of the machine.
 */
export const userName = (account: string): string =>
  `manor-${account.toLowerCase().replaceAll(/[^a-z0-9_-]/g, '-')}`.slice(0, MAX_NAME_LENGTH)

/** Whether a path can stand in an account file, whose fields are separated by colons. */
export const fitsAccount = (path: string): boolean => !/[:\n]/.test(path)
