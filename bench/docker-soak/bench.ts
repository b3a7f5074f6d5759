/**
 * A thousand agents started and ended through the Docker engine: what is left of them, and what they cost this process, in which the engine
 * runs alone. Memory is compared after 200, when all caches are warm, and at the end.
 */
import { createDockerEngine } from '../../src/engines/index.ts'
import { hostId, tenantId } from '../../src/model/index.ts'
import { systemClock, systemRandom } from '../../src/runtime/index.ts'
import { importTestImage, startDockerd, TEST_IMAGE } from '../../tests/support/docker.ts'
import { leftoversOf, soak, soakWorkload } from '../../tests/support/docker-soak.ts'
import type { Bench, Figure } from '../figures.ts'

const TOTAL = 1_000
const QUICK_TOTAL = 100
/** Of all, how many are gone before memory is looked at first. */
const WARM = 0.2
/** What a heap that is collected when it likes moves up and down by. */
const MOST_GROWTH_MB = 16
const OWNER = 'soak'

export const bench: Bench = {
  name: 'docker-soak',
  about: '1,000 agents started and ended through the Docker engine: what is left, and the memory of the process.',
  run: async ({ quick, say }) => {
    const daemon = await startDockerd()
    try {
      await importTestImage(daemon)
      const engine = await createDockerEngine({
        owner: OWNER,
        daemons: [{ host: hostId('docker-1'), address: `unix://${daemon.socket}` }],
        clock: systemClock,
        random: systemRandom,
        pullPolicy: 'never',
        onWarning: () => undefined,
      })
      const total = quick ? QUICK_TOTAL : TOTAL
      const samples: { readonly gone: number; readonly heap: number; readonly resident: number }[] = []
      const begun = performance.now()
      await soak({
        engine,
        total,
        workload: index => soakWorkload(OWNER, TEST_IMAGE, index, tenantId('red')),
        onGone: gone => {
          if (gone % (total / 10) !== 0) return
          globalThis.gc?.()
          const { heapUsed, rss } = process.memoryUsage()
          samples.push({ gone, heap: heapUsed / 1_048_576, resident: rss / 1_048_576 })
          say(`${gone} are gone after ${((performance.now() - begun) / 1_000).toFixed(0)} s, ${(rss / 1_048_576).toFixed(0)} MB resident`)
        },
      })
      const seconds = (performance.now() - begun) / 1_000
      const left = await leftoversOf(daemon, OWNER)
      await engine.close()
      const warm = samples.find(({ gone }) => gone >= WARM * total)
      const last = samples.at(-1)
      if (warm === undefined || last === undefined) throw new Error('Nothing was measured.')
      return [
        { name: 'agents started and ended', value: total / seconds, unit: '1/s' },
        ...Object.entries(left).map(
          // The tenant's own network stays until it was idle for ten minutes.
          ([what, count]): Figure => ({
            name: `left: ${what}`,
            value: count,
            unit: '',
            goal: what === 'networks' ? '1' : '0',
            met: count === (what === 'networks' ? 1 : 0),
          }),
        ),
        { name: 'heap after a fifth of them', value: warm.heap, unit: 'MB' },
        { name: 'heap after all', value: last.heap, unit: 'MB' },
        { name: 'resident after a fifth of them', value: warm.resident, unit: 'MB' },
        {
          name: 'resident after all',
          value: last.resident,
          unit: 'MB',
          goal: `<= a fifth's + ${MOST_GROWTH_MB} MB`,
          met: last.resident <= warm.resident + MOST_GROWTH_MB,
        },
      ]
    } finally {
      await daemon.dispose()
    }
  },
}
