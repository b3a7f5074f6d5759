/** The least that a restart takes: reads all rows of the file that the first argument names and parses them. Tells its parent the milliseconds. */
import { performance } from 'node:perf_hooks'
import { DatabaseSync } from 'node:sqlite'

const started = performance.now()
const database = new DatabaseSync(process.argv[2] ?? '')
const rows: unknown[] = []
for (const { body } of database.prepare('SELECT body FROM records').iterate()) rows.push(JSON.parse(String(body)))
if (rows.length === 0) throw new Error('The file has no rows.')
process.send?.(performance.now() - started)
database.close()
process.disconnect?.()
