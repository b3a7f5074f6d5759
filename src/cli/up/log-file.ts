import { open, rename, stat } from 'node:fs/promises'
import { pino } from 'pino'
import type { ApiLog } from '../../api/index.ts'

/** Manor's own log starts a new file at a start of Manor once it is this large; one older file is kept. */
const ROTATE_BYTES = 16 * 1_048_576

/** Manor's log for the operator: one JSON object a line, appended, closed to other users. */
export const openLog = async (path: string): Promise<ApiLog> => {
  const size = await stat(path).then(
    ({ size }) => size,
    () => 0,
  )
  if (size > ROTATE_BYTES) await rename(path, `${path}.1`)
  // Made here so that its mode is right from the first byte on.
  await (await open(path, 'a', 0o600)).close()
  const logger = pino({ base: null }, pino.destination({ dest: path, sync: true }))
  return { info: (fields, message) => logger.info(fields, message), error: (fields, message) => logger.error(fields, message) }
}
