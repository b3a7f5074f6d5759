import type { Reader } from '../store/index.ts'
import type { Change } from './contract.ts'
import type { Projection } from './projection.ts'
import type { Tally } from './tally.ts'
import { type Audience, audienceOfTemplate, EVERYONE } from './touched.ts'
import { hostView, tenantView } from './views.ts'

/** A view as it is now, `null` where its noun is gone, and who may see it. */
export type Told = { readonly view: Change['view']; readonly audience: Audience }

const GONE: Told = { view: null, audience: [] }

/** Makes single views for the change stream. */
export class ViewSource {
  readonly #store: Reader
  readonly #projection: Projection

  constructor(store: Reader, projection: Projection) {
    this.#store = store
    this.#projection = projection
  }

  /** A reader for one flush: the sums over the fleet are made at the first view that needs them, and then used for all. */
  begin(): (kind: Change['kind'], id: string) => Told {
    let tally: Tally | undefined
    const sums = (): Tally => {
      tally ??= this.#projection.tally()
      return tally
    }
    return (kind, id) => this.#read(kind, id, sums)
  }

  #read(kind: Change['kind'], id: string, sums: () => Tally): Told {
    switch (kind) {
      case 'controller': {
        const row = this.#store.get('controller', id)
        return row ? { view: this.#projection.controller(row), audience: [row.tenant] } : GONE
      }
      case 'queue': {
        const row = this.#store.get('controller', id)
        return row ? { view: this.#projection.queueOf(row), audience: [row.tenant] } : GONE
      }
      case 'agent': {
        const row = this.#store.get('agent', id)
        return row ? { view: this.#projection.agent(row), audience: [row.tenant] } : GONE
      }
      case 'host': {
        const row = this.#store.get('host', id)
        return row ? { view: hostView(row, sums().hosts.get(row.id)), audience: [row.reservedFor ?? EVERYONE] } : GONE
      }
      case 'tenant': {
        const row = this.#store.get('tenant', id)
        return row ? { view: tenantView(row, sums(), this.#store.revision('tenant', id) ?? 0), audience: [row.id] } : GONE
      }
      case 'template': {
        const row = this.#store.get('template', id)
        if (!row) return GONE
        const audience = audienceOfTemplate(row, controller => this.#store.get('controller', controller)?.tenant)
        return { view: this.#projection.template(row), audience }
      }
    }
  }
}
