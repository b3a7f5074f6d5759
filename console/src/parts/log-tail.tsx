/** The end of a log, on demand; followed, it is read again every two seconds while it is open. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Problem } from '../../../src/api/contract.ts'
import { getText } from '../data/api.ts'
import { after } from '../lib/clock.ts'
import { Copy } from './copy.tsx'
import { ProblemNote } from './empty.tsx'

const TAIL_BYTES = 65_536
const FOLLOW_MS = 2_000
/** So near the end, a reader wants to see what comes. */
const NEAR_END_PX = 40

export const LogTail = ({ path, command }: { readonly path: string; readonly command: string }) => {
  const isOpen = useSignal(false)
  return (
    <section class="section" aria-label="Log">
      <header>
        <h2>Log</h2>
        {isOpen.value ? null : (
          <button
            type="button"
            class="button is-small"
            onClick={() => {
              isOpen.value = true
            }}
          >
            Show the log
          </button>
        )}
      </header>
      {isOpen.value ? (
        <OpenLog path={path} />
      ) : (
        <p class="faint">
          The last 64 KB, followed live. On the command line: <code>{command}</code>
        </p>
      )}
    </section>
  )
}

const OpenLog = ({ path }: { readonly path: string }) => {
  const text = useSignal<string | undefined>(undefined)
  const problem = useSignal<Problem | undefined>(undefined)
  const isFollowed = useSignal(true)
  const box = useRef<HTMLPreElement>(null)
  const follows = isFollowed.value
  useEffect(() => {
    let cancel: (() => void) | undefined
    let isCurrent = true
    const read = async (): Promise<void> => {
      const answer = await getText(`${path}?bytes=${TAIL_BYTES}`)
      if (!isCurrent) return
      const element = box.current
      const wasAtEnd = !element || element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX
      if (answer.ok) text.value = answer.value
      problem.value = answer.ok ? undefined : answer.problem
      if (wasAtEnd) requestAnimationFrame(() => box.current?.scrollTo(0, box.current.scrollHeight))
      if (follows) cancel = after(FOLLOW_MS, () => void read())
    }
    void read()
    return () => {
      isCurrent = false
      cancel?.()
    }
  }, [path, follows, text, problem])
  if (problem.value) return <ProblemNote problem={problem.value} />
  if (text.value === undefined) return <div class="loading-bar" />
  return (
    <>
      <div class="buttons">
        <label class="check">
          <input
            type="checkbox"
            checked={follows}
            onChange={event => {
              isFollowed.value = event.currentTarget.checked
            }}
          />
          Follow
        </label>
        <Copy text={text.value} what="the log" />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so it must be reachable by keyboard. */}
      <pre ref={box} class="log" tabIndex={0}>
        {text.value === '' ? 'The log is empty so far.' : text.value}
      </pre>
    </>
  )
}
