import { join } from 'node:path'
import type { StartDoubles } from '../../control-plane/index.ts'
import type { CliContext } from '../context.ts'

/** The doubles that the tests use, for who wants to see Manor on Mesos or Marathon without a cluster. Loaded only then. */
export const startDoubles =
  ({ clock }: Pick<CliContext, 'clock'>): StartDoubles =>
  async (kind, directory) => {
    const { startMesosDouble } = await import('../../../tests/doubles/mesos/mesos-double.ts')
    const mesos = await startMesosDouble({ clock, directory: join(directory, 'mesos') })
    if (kind === 'mesos') return { leaders: mesos.urls, urls: [], [Symbol.asyncDispose]: () => mesos[Symbol.asyncDispose]() }
    const { createMarathonDouble } = await import('../../../tests/doubles/marathon/marathon.ts')
    const marathon = await createMarathonDouble({ clock, directory: join(directory, 'marathon') })
    return {
      leaders: mesos.urls,
      urls: marathon.urls,
      [Symbol.asyncDispose]: async () => {
        await marathon[Symbol.asyncDispose]()
        await mesos[Symbol.asyncDispose]()
      },
    }
  }
