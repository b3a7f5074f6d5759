import type { WorkloadFile } from '../../model/index.ts'

const SECRET_FILE = 'agent-secret'
/** Where an agent finds its secret: in its private directory, never on its command line, which every user of the host can read. */
export const AGENT_SECRET_PATH = `{dir}/${SECRET_FILE}`

export const secretFile = (secret: string): WorkloadFile => ({ path: SECRET_FILE, content: secret, mode: 0o600 })

/** Makes the temporary directory by putting a file in it, where it is inside the workload's private one: a JVM does not make it itself. */
export const temporaryFiles = (directory: string): WorkloadFile[] =>
  directory.startsWith('{dir}/') ? [{ path: `${directory.slice('{dir}/'.length)}/.keep`, content: '', mode: 0o600 }] : []
