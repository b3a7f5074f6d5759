import type { ControllerId } from '../model/index.ts'
import type { EventAck, EventBatch, Hello, Report, Wanted, Welcome } from './protocol.ts'

/** What /hook/v1 serves; protocol.ts says what each message means. The token has said already which controller speaks. */
export interface HookService {
  /** Rejects with `stale-epoch` for a run of the controller that is not the current one. */
  hello(controller: ControllerId, hello: Hello): Promise<Welcome>
  /** Rejects with `unknown-session` where the session is not the one that said hello last. */
  report(controller: ControllerId, report: Report): Promise<void>
  /** Resolves once there is something newer than `revision`, or after `waitSeconds`, or when the signal aborts. */
  wanted(controller: ControllerId, session: string, revision: number, waitSeconds: number, signal: AbortSignal): Promise<Wanted>
  /** Resolves once the events are kept. */
  events(controller: ControllerId, batch: EventBatch): Promise<EventAck>
}

export type HookErrorCode = 'stale-epoch' | 'unknown-session' | 'unknown-controller'

/** The hook must say hello again (`unknown-session`, 409), or is not wanted any more (409 and 404). */
export class HookError extends Error {
  override readonly name = 'HookError'
  readonly code: HookErrorCode
  constructor(code: HookErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
