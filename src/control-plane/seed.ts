import { DEFAULT_TEMPLATE } from '../agents/index.ts'
import { DEFAULT_TENANT, leaveProgramUndecided, setFleet } from '../controllers/index.ts'
import { nameSuffix, type Random } from '../runtime/index.ts'
import type { Store } from '../store/index.ts'

const OWNER = 'owner'
const OWNER_LENGTH = 10

/**
 * What an installation has from its first start on: an owner's label, a tenant, a template. Made once; what a person deleted later stays
 * deleted. Also takes the fleet up again after it was taken down. Resolves to the owner's label.
 */
export const seedStore = async (store: Store, random: Random): Promise<string> => {
  const owner = await store.transact(
    tx => {
      const known = tx.get('setting', OWNER)?.value
      if (known !== undefined) return known
      const made = nameSuffix(random, OWNER_LENGTH)
      tx.put('setting', { id: OWNER, value: made })
      tx.insert('tenant', { id: DEFAULT_TENANT, weight: 1, createdAt: tx.now })
      tx.event({
        kind: 'tenant',
        subject: DEFAULT_TENANT,
        type: 'created',
        actor: 'manor',
        message: `Tenant ${DEFAULT_TENANT} was created.`,
      })
      leaveProgramUndecided(tx)
      tx.insert('template', DEFAULT_TEMPLATE)
      tx.event({
        kind: 'template',
        subject: DEFAULT_TEMPLATE.id,
        type: 'created',
        actor: 'manor',
        message: `Template ${DEFAULT_TEMPLATE.id} was created; it takes anything.`,
      })
      return made
    },
    { flush: true },
  )
  await setFleet(store, 'up', 'manor')
  return owner
}
