/**
 * The command line's entry. Start reading at commands/registry.ts (what there is) and run.ts (how a command ends). Commands talk to a running
 * Manor through its API only (client.ts); `up` and `down` alone know the control plane. What a command needs is loaded when it is named:
 * `status` is on the screen in a quarter of a second.
 */
import { enableCompileCache } from 'node:module'

// Keeps compiled code over runs, in the system's temporary directory or where NODE_COMPILE_CACHE says; it is a help, and may fail.
enableCompileCache()

const { runProcess } = await import('./process.ts')
await runProcess()
