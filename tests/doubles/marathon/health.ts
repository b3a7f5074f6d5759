/** Health checks that the agent beside a task makes (MESOS_HTTP, MESOS_TCP), by real connections to the task's port on this machine. */
import { connect } from 'node:net'
import type { Clock } from '../../../src/runtime/index.ts'
import type { Instance } from './core.ts'

export class HealthChecker {
  readonly #clock: Clock
  readonly #tell: (instance: Instance, healthy: boolean) => void
  readonly #cancels = new Map<string, () => void>()

  constructor(clock: Clock, tell: (instance: Instance, healthy: boolean) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  watch(instance: Instance): void {
    const [check] = instance.definition.healthChecks
    if (check === undefined) return
    const number = (name: string, otherwise: number): number => (typeof check[name] === 'number' ? check[name] : otherwise)
    const protocol = String(check.protocol ?? 'HTTP')
    let failures = 0
    const { incarnation } = instance
    const beginsAt = this.#clock.monotonic()
    const again = (ms: number): void => {
      this.#cancels.set(
        instance.id,
        this.#clock.after(ms, () => void ask()),
      )
    }
    const ask = async (): Promise<void> => {
      const port = instance.ports[number('portIndex', 0)] ?? 0
      const healthy = await probe(protocol, port, String(check.path ?? '/'), number('timeoutSeconds', 20) * 1000)
      if (instance.incarnation !== incarnation || instance.condition !== 'Running') return
      const inGrace = this.#clock.monotonic() - beginsAt < number('gracePeriodSeconds', 300) * 1000 && instance.healthy === undefined
      if (healthy || !inGrace) this.#tell(instance, healthy)
      failures = healthy || inGrace ? 0 : failures + 1
      const most = number('maxConsecutiveFailures', 3)
      // Of 0 failures that are too many there is never one too many.
      if (most > 0 && failures >= most) instance.run?.kill(instance.definition.graceSeconds * 1000)
      again(number('intervalSeconds', 60) * 1000)
    }
    again(number('delaySeconds', 15) * 1000)
  }

  forget(instance: Instance): void {
    this.#cancels.get(instance.id)?.()
    this.#cancels.delete(instance.id)
    instance.healthy = undefined
  }

  close(): void {
    for (const cancel of this.#cancels.values()) cancel()
    this.#cancels.clear()
  }
}

const probe = async (protocol: string, port: number, path: string, timeoutMs: number): Promise<boolean> => {
  if (port === 0) return false
  if (protocol === 'MESOS_TCP' || protocol === 'TCP')
    return new Promise(resolve => {
      const socket = connect({ port, host: '127.0.0.1', timeout: timeoutMs })
      const done = (healthy: boolean): void => {
        socket.destroy()
        resolve(healthy)
      }
      socket.once('connect', () => done(true))
      socket.once('error', () => done(false))
      socket.once('timeout', () => done(false))
    })
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(timeoutMs), redirect: 'manual' })
    await response.body?.cancel()
    return response.status >= 200 && response.status < 400
  } catch {
    return false
  }
}
