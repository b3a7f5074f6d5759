import type { Clock } from '../runtime/index.ts'
import { migrate } from './migrations.ts'
import { Persistence } from './persistence.ts'
import { openSqlite, storeErrorOf } from './sqlite.ts'
import { type Durable, Store } from './store.ts'

/** Opens the embedded store; `:memory:` for one that ends with the process. Rejects with a StoreError that says the mend. */
export const openSqliteStore = async (path: string, clock: Clock): Promise<Store> => Store.open(await sqliteDurable(path), clock)

/** The durable side alone, for those who put something in front of it. */
export const sqliteDurable = async (path: string): Promise<Durable> => {
  const database = openSqlite(path)
  try {
    await migrate(database.kysely)
  } catch (cause) {
    await database.close()
    throw storeErrorOf(cause, path)
  }
  const persistence = new Persistence(database.kysely)
  return {
    load: () => persistence.load(),
    commit: async (batch, isForced) => {
      try {
        database.forceCommits(isForced)
        return await persistence.commit(batch)
      } catch (cause) {
        throw storeErrorOf(cause, path)
      }
    },
    events: query => persistence.events(query),
    builds: query => persistence.builds(query),
    pruneEvents: keep => persistence.pruneEvents(keep),
    flush: () => database.flush(),
    close: () => database.close(),
  }
}
