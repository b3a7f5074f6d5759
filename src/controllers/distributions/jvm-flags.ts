import type { Mebibytes } from '../../model/index.ts'

/** Below this a single collector thread is kinder: it needs about 30 MB less than G1, and its pauses are short on so small a heap. */
const SMALL_CONTROLLER_MB: Mebibytes = 2_048
/** What the heap may be of the limit. The rest is class metadata, compiled code, thread stacks, buffers, and children like git. */
const CONTROLLER_HEAP_PERCENT = 50
/** The heap starts at this; it only grows to what is needed, so that a thousand idle controllers are not a thousand half limits. */
const CONTROLLER_FIRST_HEAP_PERCENT = 12.5

const clamp = (value: number, least: number, most: number): number => Math.round(Math.min(most, Math.max(least, value)))

/**
 * A controller's JVM within its limit. `MaxRAM` says the limit itself, since some pairs of kernel and Java take the host's memory for it
 * (Linux 6.12 and later with a Java before 21.0.10), and the process engine may have no limit to read. Metadata and code have ceilings of
 * their own so that a leak there ends in a message and an exit instead of the kernel's silent kill.
 */
export const controllerMemoryFlags = (memoryMb: Mebibytes): string[] => [
  `-XX:MaxRAM=${memoryMb}m`,
  `-XX:MaxRAMPercentage=${CONTROLLER_HEAP_PERCENT}`,
  `-XX:InitialRAMPercentage=${CONTROLLER_FIRST_HEAP_PERCENT}`,
  memoryMb < SMALL_CONTROLLER_MB ? '-XX:+UseSerialGC' : '-XX:+UseG1GC',
  `-XX:MaxMetaspaceSize=${clamp(memoryMb / 4, 160, 1_024)}m`,
  `-XX:ReservedCodeCacheSize=${clamp(memoryMb / 10, 48, 240)}m`,
  '-XX:-UsePerfData',
  // A JVM that ran out of memory serves half its requests for ever; one that ends is started again.
  '-XX:+ExitOnOutOfMemoryError',
]

/** What the agent's own heap may be: it only moves bytes and loads classes; the template's memory is for the build. */
const AGENT_HEAP_MB: readonly [least: Mebibytes, most: Mebibytes] = [48, 256]

/**
 * An agent's JVM lives for one build, so it is made to start fast and stay small: the quick compiler alone, one collector thread, no
 * performance counters on disk. Measured on a Jenkins agent: 100 instead of 170 MB resident, ready in 0.7 instead of 0.9 s.
 */
export const agentMemoryFlags = (memoryMb: Mebibytes): string[] => [
  `-Xmx${clamp(memoryMb / 4, ...AGENT_HEAP_MB)}m`,
  '-Xms16m',
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-XX:ReservedCodeCacheSize=32m',
  '-Xshare:auto',
  '-XX:-UsePerfData',
  '-XX:+ExitOnOutOfMemoryError',
]
