import { applyTemplate } from '../../src/agents/index.ts'
import { createController, OperationError, requestAction } from '../../src/controllers/index.ts'
import { type ControllerAction, type ControllerId, controllerId, type Template } from '../../src/model/index.ts'
import type { Store } from '../../src/store/index.ts'
import type { World } from './world.ts'

/** What a person was told, as a text that can be read again from the rows; several where Manor died before it answered. */
export type Promised = { readonly read: (store: Store) => string; allowed: readonly string[] }

/** What people ask of Manor through its API. What was answered is remembered, and what was not may have happened or not. */
export class People {
  readonly #world: World
  readonly promises = new Map<string, Promised>()
  /** What is done once, when somebody has just been told that it is done. */
  onTold: (() => void) | undefined

  constructor(world: World) {
    this.#world = world
  }

  /** Asks for an action; one that is not legal now is refused, as the API does. */
  act(id: ControllerId, action: ControllerAction): void {
    const read = (store: Store): string => {
      const row = store.get('controller', id)
      return row === undefined || row.wanted === 'deleted' ? 'deleted' : `${row.wanted} ${row.restartsWanted}`
    }
    const store = this.#world.store
    const row = store?.get('controller', id)
    if (row === undefined) return
    const restarts = row.restartsWanted + (action === 'restart' ? 1 : 0)
    const wanted = action === 'delete' ? 'deleted' : `${action === 'stop' ? 'stopped' : 'running'} ${restarts}`
    this.#ask(`controller ${id}`, read, wanted, asked => requestAction(asked, id, action, 'user:someone'))
  }

  create(name: string, tenant: string, memoryMb: number): void {
    const read = (store: Store): string => {
      const row = store.get('controller', name)
      return row === undefined || row.wanted === 'deleted' ? 'deleted' : `${row.wanted} ${row.restartsWanted}`
    }
    const id = controllerId(name)
    this.#ask(`controller ${id}`, read, 'running 0', store =>
      createController(store, { name, tenant, distribution: 'jenkins', memoryMb }, 'user:someone'),
    )
  }

  apply(template: Template): void {
    const read = (store: Store): string => String(store.get('template', template.id)?.resources.memoryMb)
    this.#ask(`template ${template.id}`, read, String(template.resources.memoryMb), store => applyTemplate(store, template, 'user:someone'))
  }

  #ask(subject: string, read: Promised['read'], wanted: string, ask: (store: Store) => Promise<unknown>): void {
    const { manor } = this.#world
    if (manor === undefined) return
    const before = this.promises.get(subject)
    // One thing at a time for each subject: the order of two that overlap is nobody's to say.
    if (before !== undefined && before.allowed.length > 1 && this.#pending.has(subject)) return
    const promise: Promised = { read, allowed: [...new Set([...(before?.allowed ?? [read(manor.store)]), wanted])] }
    this.promises.set(subject, promise)
    this.#pending.add(subject)
    const settled = (): void => void this.#pending.delete(subject)
    manor.gate
      .connection(() => ask(manor.store))
      .then(
        () => {
          promise.allowed = [wanted]
          settled()
          this.#world.log.add(`people: ${subject} is ${wanted}, they were told`)
          const { onTold } = this
          this.onTold = undefined
          onTold?.()
        },
        (cause: unknown) => {
          settled()
          // It was refused: nothing was done.
          if (cause instanceof OperationError) promise.allowed = before?.allowed ?? promise.allowed.filter(one => one !== wanted)
          if (promise.allowed.length === 0) this.promises.delete(subject)
        },
      )
  }
  readonly #pending = new Set<string>()
}
