import { authenticate, createToken } from '../identity/index.ts'
import type { Clock, Random } from '../runtime/index.ts'
import type { Seal, Store } from '../store/index.ts'

const SECRET_ID = 'run-token'

/**
 * The token of whoever may read the home: an administrator's. The same one over restarts, so that browsers which it signed in stay so;
 * a new one where it was revoked.
 */
export const runToken = async (ports: {
  readonly store: Store
  readonly seal: Seal
  readonly clock: Clock
  readonly random: Random
}): Promise<string> => {
  const { store, seal, clock, random } = ports
  const known = store.get('secret', SECRET_ID)
  if (known !== undefined) {
    const secret = seal.open(SECRET_ID, known.sealed)
    if (authenticate(store, clock.now(), { kind: 'bearer', secret }) !== undefined) return secret
  }
  const { secret } = await createToken(store, random, { name: 'command line of this home', role: 'admin' }, 'manor')
  await store.transact(tx => tx.put('secret', { id: SECRET_ID, sealed: seal.seal(SECRET_ID, secret) }))
  return secret
}
