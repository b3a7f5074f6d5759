import type { ControllerSpec } from '../model/index.ts'
import type { Reader, Store, Transaction } from '../store/index.ts'

/** What a new controller runs where its owner names no program: decided at Manor's start, by what can be had here. */
export type DefaultProgram = Pick<ControllerSpec, 'distribution' | 'war'>

/** Stands for a decision that a first start has yet to make. */
const UNDECIDED = 'undecided'

const DISTRIBUTION = 'default-distribution'
const WAR = 'default-war'

/** Undefined until the first start has found out what can be had. */
export const defaultProgram = (store: Pick<Reader, 'get'>): DefaultProgram | undefined => {
  const distribution = store.get('setting', DISTRIBUTION)?.value
  if (distribution === UNDECIDED) return undefined
  const war = store.get('setting', WAR)?.value
  return { distribution: distribution === 'hudson' ? 'hudson' : 'jenkins', ...(war === undefined ? {} : { war }) }
}

export const setDefaultProgram = (store: Store, program: DefaultProgram, actor: string): Promise<void> =>
  store.transact(tx => {
    const before = defaultProgram(tx)
    if (tx.get('setting', DISTRIBUTION) !== undefined && before?.distribution === program.distribution && before.war === program.war) return
    tx.put('setting', { id: DISTRIBUTION, value: program.distribution })
    if (program.war === undefined) tx.remove('setting', WAR)
    else tx.put('setting', { id: WAR, value: program.war })
    tx.event({
      kind: 'manor',
      subject: 'default-program',
      type: 'default-program-changed',
      actor,
      message: `New controllers run ${program.war ?? program.distribution} unless they name a program.`,
    })
  })

/** For a new store: nobody gets a program before it is known which can be had. */
export const leaveProgramUndecided = (tx: Pick<Transaction, 'put'>): void => tx.put('setting', { id: DISTRIBUTION, value: UNDECIDED })
