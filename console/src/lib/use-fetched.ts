/** One request for a page that needs more than the live lists hold. */
import { type Signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Answer } from '../data/api.ts'

/** Asks when it is first shown and whenever `key` changes; an answer that came too late is dropped. `undefined` while it waits. */
export const useFetched = <T>(ask: () => Promise<Answer<T>>, key: string | number): Signal<Answer<T> | undefined> => {
  const answer = useSignal<Answer<T> | undefined>(undefined)
  // The key stands for everything that `ask` closes over.
  useEffect(() => {
    let isCurrent = true
    void ask().then(arrived => {
      if (isCurrent) answer.value = arrived
    })
    return () => {
      isCurrent = false
    }
  }, [key])
  return answer
}
