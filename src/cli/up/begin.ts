import { hostname } from 'node:os'
import { join } from 'node:path'
import type { ShutdownRequest } from '../../api/index.ts'
import { layoutOf, type Manor, prepareHome, startManor } from '../../control-plane/index.ts'
import type { CommonOptions } from '../command-module.ts'
import { homeOf } from '../connection.ts'
import type { CliContext } from '../context.ts'
import type { Progress } from '../display/progress.ts'
import { readVersion } from '../version.ts'
import { type ConfigOptions, readConfig } from './config-file.ts'
import { startDoubles } from './doubles.ts'
import { openLog } from './log-file.ts'
import { cacheDirectory, HOOK_SCRIPT, ROOT } from './places.ts'

/** Starts Manor in this process, as both `up` and a `down` without a running Manor do. */
export const beginManor = async (
  context: CliContext,
  progress: Progress,
  options: CommonOptions & ConfigOptions & { readonly port: number; readonly onShutdown: (request: ShutdownRequest) => void },
): Promise<Manor> => {
  const { env, clock, random } = context
  const home = homeOf(options, env)
  await prepareHome(home)
  const log = await openLog(layoutOf(home).log)
  return startManor({
    home,
    cacheDirectory: cacheDirectory(env),
    port: options.port,
    hookScript: HOOK_SCRIPT,
    consoleDirectory: join(ROOT, 'console/dist'),
    version: await readVersion(),
    config: await readConfig(options, home),
    hostName: hostNameOf(hostname()),
    ...(env.MANOR_JENKINS_MIRROR ? { mirror: env.MANOR_JENKINS_MIRROR } : {}),
    ...(env.MANOR_AIR_GAP ? { airGapDirectory: env.MANOR_AIR_GAP } : {}),
    newFramework: options.newFramework ?? false,
    startDoubles: startDoubles(context),
    clock,
    random,
    log,
    onProgress: (controller, step) =>
      progress.update(
        `controller ${controller}`,
        step.message,
        step.doneBytes === undefined || step.totalBytes === undefined ? undefined : { done: step.doneBytes, total: step.totalBytes },
      ),
    onShutdown: options.onShutdown,
    onWarning: message => progress.say(message),
  })
}

/** A machine's name as a host's id: its first label, lower case, of the characters that a name may have. */
const hostNameOf = (name: string): string => {
  const label = (name.split('.')[0] ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
  return label === '' ? 'this-machine' : label.slice(0, 40)
}
