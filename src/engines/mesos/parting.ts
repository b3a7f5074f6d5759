import { EngineError } from '../engine.ts'
import type { Farewell } from './connection.ts'

/** What every call is refused with once Mesos has said farewell. */
export const partingError = ({ kind, message }: Farewell): EngineError => {
  switch (kind) {
    case 'superseded':
      return new EngineError(
        { code: 'superseded', message: 'Another Manor has taken over the framework in Mesos; this one has stepped back.' },
        true,
      )
    case 'removed':
      return new EngineError(
        {
          code: 'evicted',
          message: `Mesos has removed Manor's framework, and with it all its tasks: ${message}.`,
          mend: 'Give Manor a new framework id, once nothing of the old one runs any more.',
        },
        false,
      )
    case 'refused':
      return new EngineError(
        {
          code: 'invalid-spec',
          message: `Mesos does not take Manor's framework: ${message}`,
          mend: 'Change user, principal or role prefix accordingly.',
        },
        false,
      )
  }
}
