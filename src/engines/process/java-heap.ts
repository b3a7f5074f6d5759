import { enoughMemoryMb, type Mebibytes, type Reason } from '../../model/index.ts'

/** How a program ended, as far as it tells whether Java's own heap was full. */
export type HeapEnding = {
  /** As a shell gives it. */
  readonly exitCode: number
  /** The last that it wrote. */
  readonly lastWords: string
  readonly memoryLimitMb: Mebibytes
}

/** With what a JVM under -XX:+ExitOnOutOfMemoryError ends. */
const JVM_OUT_OF_MEMORY = 3
/** What a program says last that may tell why it ended. */
export const LAST_WORDS_BYTES = 4_096

/** Whether Java ran out of its own memory, by what it said last. A limit of the kernel's that it met is known otherwise, and comes first. */
export const isHeapFull = ({ exitCode, lastWords }: HeapEnding): boolean =>
  exitCode !== 0 && (lastWords.includes('java.lang.OutOfMemoryError') || (exitCode === JVM_OUT_OF_MEMORY && /OutOfMemory/.test(lastWords)))

/** The heap is Java's own bound within the workload's: more memory helps only where the heap is a share of it. */
export const heapFull = ({ exitCode, lastWords, memoryLimitMb }: HeapEnding): Omit<Reason, 'since'> => {
  const [, which = ''] = /java\.lang\.OutOfMemoryError(?:: ([^\r\n]+))?/.exec(lastWords) ?? []
  return {
    code: 'oom-heap',
    message: `Java ran out of memory of its own${which === '' ? '' : ` (${which.trim()})`} and ended with exit code ${exitCode}; its limit of ${memoryLimitMb} MB was not what ended it.`,
    mend: `Let its heap be larger (-Xmx or -XX:MaxRAMPercentage), within a limit of ${enoughMemoryMb(memoryLimitMb)} MB.`,
  }
}
