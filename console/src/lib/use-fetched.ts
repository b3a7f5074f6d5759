/** One request for a page that needs more than the live lists hold. */
import { type Signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Answer } from '../data/api.ts'
import { after } from './clock.ts'

/** A busy controller changes many times a second; what it changed into is asked for no more often than this. */
const LEAST_PAUSE_MS = 1_000

/** Asks when it is first shown and whenever `key` changes; an answer that came too late is dropped. `undefined` while it waits. */
export const useFetched = <T>(ask: () => Promise<Answer<T>>, key: string | number): Signal<Answer<T> | undefined> => {
  const answer = useSignal<Answer<T> | undefined>(undefined)
  const askedAt = useRef(Number.NEGATIVE_INFINITY)
  // The key stands for everything that `ask` closes over.
  useEffect(() => {
    let isCurrent = true
    const request = async (): Promise<void> => {
      askedAt.current = performance.now()
      const arrived = await ask()
      if (isCurrent) answer.value = arrived
    }
    const cancel = after(Math.max(0, askedAt.current + LEAST_PAUSE_MS - performance.now()), () => void request())
    return () => {
      isCurrent = false
      cancel()
    }
  }, [key])
  return answer
}
