import type { ControllerSpec } from '../model/index.ts'
import type { Reader, Store } from '../store/index.ts'

/** What a new controller runs where its owner names no program: decided once at the start, by what can be had here. */
export type DefaultProgram = Pick<ControllerSpec, 'distribution' | 'war'>

const DISTRIBUTION = 'default-distribution'
const WAR = 'default-war'

export const defaultProgram = (store: Pick<Reader, 'get'>): DefaultProgram => {
  const distribution = store.get('setting', DISTRIBUTION)?.value
  const war = store.get('setting', WAR)?.value
  return { distribution: distribution === 'hudson' ? 'hudson' : 'jenkins', ...(war === undefined ? {} : { war }) }
}

export const setDefaultProgram = (store: Store, program: DefaultProgram, actor: string): Promise<void> =>
  store.transact(tx => {
    const before = defaultProgram(tx)
    if (tx.get('setting', DISTRIBUTION) !== undefined && before.distribution === program.distribution && before.war === program.war) return
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
