import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TenantId } from '../../model/index.ts'
import type { Identity } from './identities.ts'
import type { Replaced } from './view.ts'

/**
 * The account files that a workload sees: the machine's, with its own user and group in front. Without an entry, Java takes "?" for the
 * user's home and name, so that Maven keeps its repository in a directory of that name, and ssh refuses to run at all.
 */
export const writeAccounts = async (root: string, tenant: TenantId, identity: Identity, home: string): Promise<Replaced[]> => {
  const name = `manor-${tenant}`
  const files = [
    { target: '/etc/passwd', own: `${name}:x:${identity.uid}:${identity.gid}:Workloads of ${tenant}:${home}:/bin/sh` },
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

/** Whether a path can stand in an account file, whose fields are separated by colons. */
export const fitsAccount = (path: string): boolean => !/[:\n]/.test(path)
