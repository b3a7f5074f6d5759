import { EngineError } from '../../engine.ts'

/** Docker 19.03 of 2019: the oldest that today's daemons themselves still speak. */
export const OLDEST_API = '1.40'
/** The newest whose answers this client was written for. A newer daemon speaks it too, down to its own oldest. */
export const NEWEST_API = '1.47'

const VERSION = /^(\d+)\.(\d+)$/

/** Negative where `a` is older than `b`. */
export const compareVersions = (a: string, b: string): number => {
  const [, majorA = '0', minorA = '0'] = VERSION.exec(a) ?? []
  const [, majorB = '0', minorB = '0'] = VERSION.exec(b) ?? []
  return Number(majorA) - Number(majorB) || Number(minorA) - Number(minorB)
}

/** Which version to speak with a daemon whose newest is this one. Throws an EngineError where there is none. */
export const negotiate = (newestOfDaemon: string, address: string): string => {
  if (!VERSION.test(newestOfDaemon) || compareVersions(newestOfDaemon, OLDEST_API) < 0)
    throw new EngineError(
      {
        code: 'invalid-spec',
        message: `The Docker daemon at ${address} speaks API ${newestOfDaemon || '(none)'}, and ${OLDEST_API} is the oldest that Manor speaks.`,
        mend: 'Update it to Docker 19.03 or newer (20.10 or newer is better).',
      },
      false,
    )
  return compareVersions(newestOfDaemon, NEWEST_API) < 0 ? newestOfDaemon : NEWEST_API
}
