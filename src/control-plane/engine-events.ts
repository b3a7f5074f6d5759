import type { Parting, SecondTask } from '../engines/index.ts'
import { controllerId, type ReasonCode } from '../model/index.ts'
import type { NewEvent, Store } from '../store/index.ts'

/** What an engine tells of by itself, kept as events, so that people see it in `./manor event list` and the console. */
export const engineEventsIn = (store: Store, onWarning: (message: string) => void) => {
  const keep = (event: NewEvent & { readonly data: { readonly reason: ReasonCode } }): void => {
    // It is in the log too: a disk that is full must not hide it.
    onWarning(event.message)
    store
      .transact(tx => tx.event(event))
      .catch(cause => onWarning(`An event could not be kept: ${cause instanceof Error ? cause.message : String(cause)}`))
  }
  return {
    /** A second task of a controller was kept from its home, or ended. */
    secondTask: ({ workload, noun, task, holder, why }: SecondTask): void => {
      const tenant = store.get('controller', noun)?.tenant
      keep({
        kind: 'controller',
        subject: controllerId(noun),
        ...(tenant === undefined ? {} : { tenant }),
        type: 'second-task',
        actor: 'manor',
        message: `Marathon started a second task of ${noun}, which never had its home. ${sentence(why)} Look who changes apps of Manor's in Marathon beside Manor.`,
        data: { reason: 'second-task', workload, task, ...(holder === undefined ? {} : { holder }) },
      })
    },
    /** Mesos has ended this Manor's part: nothing is launched or stopped there until a person has done what the mend says. */
    parting: ({ kind, reason: { code, message, mend } }: Parting): void =>
      keep({
        kind: 'manor',
        subject: 'mesos',
        type: `framework-${kind}`,
        actor: 'mesos',
        message: mend === undefined ? message : `${message} ${mend}`,
        data: { reason: code },
      }),
  }
}

const sentence = (why: string): string => {
  const text = why.charAt(0).toUpperCase() + why.slice(1)
  return /[.!?]$/.test(text) ? text : `${text}.`
}
