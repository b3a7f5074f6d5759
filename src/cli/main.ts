/**
 * The command line's entry. Start reading at commands/registry.ts (what there is) and run.ts (how a command ends). Commands talk to a running
 * Manor through its API only (client.ts); `up` and `down` alone know the control plane. What a command needs is loaded when it is named:
 * `status` is on the screen in a quarter of a second.
 */
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// Keeps compiled code over runs. In the user's own cache: whoever can write there can run code as that user. It is a help, and may fail.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'manor', 'compiled'))

const { runProcess } = await import('./process.ts')
await runProcess()
