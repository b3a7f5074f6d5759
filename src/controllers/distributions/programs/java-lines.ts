/**
 * Which Java runs which Jenkins. Source: SUPPORTED_JAVA_VERSIONS in executable/Main of the war at each line's tag, read in August 2026;
 * the newest versions of the lines are of the same day.
 */
type SinceVersion = { readonly since: string; readonly java: readonly number[] }

/** Newest first. */
const JAVA_SINCE: readonly SinceVersion[] = [
  { since: '2.555.1', java: [21, 25] },
  { since: '2.541', java: [17, 21, 25] },
  { since: '2.479.1', java: [17, 21] },
  { since: '2.426.1', java: [11, 17, 21] },
  { since: '2.361.1', java: [11, 17] },
]

/** Lines that are offered without being asked for, by their newest version, newest line first: one for each set of Java releases still alive. */
const NEWEST_OF_LINE: readonly string[] = ['2.568.2', '2.541.3']

/** The oldest version that is run: from here agents come by WebSocket as Manor starts them, without a plugin. */
export const OLDEST_VERSION = '2.426.1'

const numbersOf = (version: string): number[] => version.split('.').map(Number)

/** Orders versions by their numbers; a missing one counts as 0. */
export const compareVersions = (a: string, b: string): number => {
  const [left, right] = [numbersOf(a), numbersOf(b)]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Java feature releases that run a version of Jenkins, ascending; empty for one that is too old. */
export const javaReleasesFor = (version: string): readonly number[] =>
  JAVA_SINCE.find(({ since }) => compareVersions(version, since) >= 0)?.java ?? []

/** What to offer to a machine that has these Java releases, newest first. Empty where none of them will do. */
export const knownVersions = (javaReleases: readonly number[]): readonly string[] =>
  NEWEST_OF_LINE.filter(version => javaReleasesFor(version).some(release => javaReleases.includes(release)))

/** What to offer where Java is brought as well. */
export const NEWEST_VERSION = NEWEST_OF_LINE[0] ?? ''

const LINE = /^\d+\.\d+$/
const VERSION = /^\d+(\.\d+){1,2}$/

/** A version that was asked for: a line (`2.541`) stands for its newest known version. Undefined where it is no version at all. */
export const resolveVersion = (asked: string): string | undefined => {
  if (!VERSION.test(asked)) return undefined
  return (LINE.test(asked) ? NEWEST_OF_LINE.find(version => version.startsWith(`${asked}.`)) : undefined) ?? asked
}

/** Lines of long-term support have three numbers; weekly releases have two, and another folder. */
export const isLongTerm = (version: string): boolean => numbersOf(version).length === 3
