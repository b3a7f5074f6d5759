import type { Reason } from '../../model/index.ts'
import { EngineError } from '../engine.ts'
import type { Farewell } from './connection.ts'

/** A farewell as a person is told of it. */
export type Parting = { readonly kind: Farewell['kind']; readonly reason: Omit<Reason, 'since'> }

export const partingOf = (farewell: Farewell): Parting => ({ kind: farewell.kind, reason: partingError(farewell).reason })

/** What every call is refused with once Mesos has said farewell. */
export const partingError = ({ kind, message }: Farewell): EngineError => {
  switch (kind) {
    case 'superseded':
      return new EngineError(
        {
          code: 'superseded',
          message: 'Another Manor has taken over the framework in Mesos; this one has stepped back.',
          mend: 'End one of the two, for example one that was started from a copy of the other’s home, and start the one that is to go on again.',
        },
        true,
      )
    case 'removed':
      return new EngineError(
        {
          code: 'evicted',
          message: `Mesos has removed Manor's framework, and with it all its tasks: ${message}.`,
          mend: 'Once nothing of the old one runs any more: end Manor and start it with ./manor up --new-framework.',
        },
        false,
      )
    case 'refused':
      return new EngineError(
        {
          code: 'invalid-spec',
          message: `Mesos does not take Manor's framework: ${message}`,
          mend: 'Change user, login or rolePrefix in manor.yaml accordingly, and start Manor again.',
        },
        false,
      )
  }
}
