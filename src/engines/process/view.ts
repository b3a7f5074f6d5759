import { dirname, join, relative } from 'node:path'
import type { WorkloadMount } from '../../model/index.ts'

/**
 * A workload's private view of the file system: everything of the machine but the hidden directories, in which only what the workload
 * declared is there, at its own place, and a private /tmp. Built by root in a mount namespace of its own, before the user is dropped.
 *
 * A hidden directory is covered in three steps, because its content must still be reachable while it is chosen from: an empty file system on
 * the stage, what may be seen bound into that, the whole moved over the hidden directory (mount(8), mount_namespaces(7)).
 */
export type ViewPlan = {
  /** Directories whose content is hidden; none lies within another. */
  readonly covers: readonly Cover[]
  /** Read-only mounts outside all covers. */
  readonly readOnly: readonly Bound[]
  /** Files of the system for which the workload sees another. */
  readonly replaced: readonly Replaced[]
}

export type Replaced = { readonly target: string; readonly source: string }

type Cover = {
  readonly target: string
  readonly base: 'empty' | { readonly directory: string }
  /** What is put onto the base, the outer before what lies in it. */
  readonly layers: readonly Layer[]
}
type Bound = { readonly kind: 'bound'; readonly path: string; readonly readOnly: boolean; readonly isDirectory: boolean }
/** A hidden directory that came into view with a mount above it, such as a home beside the program that somebody keeps in one place with it. */
type Emptied = { readonly kind: 'emptied'; readonly path: string }
type Layer = Bound | Emptied

export type ViewInput = {
  /** The workload's private directory and, in it, what becomes its /tmp. */
  readonly dir: string
  readonly privateTmp: string
  readonly stage: string
  /** Directories to hide, such as Manor's home and what is closed to the workload's user. */
  readonly hidden: readonly string[]
  readonly mounts: readonly (WorkloadMount & { readonly isDirectory: boolean })[]
  readonly replaced: readonly Replaced[]
}

const PUBLIC_TMP = '/tmp'

/** True where `path` is `above` or lies below it. */
export const isWithin = (path: string, above: string): boolean => {
  const way = relative(above, path)
  return way === '' || !(way === '..' || way.startsWith('../'))
}

/** Keeps those that lie in no other. */
const topmost = (paths: readonly string[]): string[] =>
  [...new Set(paths)].filter(path => !paths.some(other => other !== path && isWithin(path, other)))

export const planView = ({ dir, privateTmp, stage, hidden, mounts, replaced }: ViewInput): ViewPlan => {
  // Whoever declares /tmp itself, or all of what holds it, gets the machine's.
  const wantsPublicTmp = mounts.some(mount => isWithin(PUBLIC_TMP, mount.source))
  const targets = topmost(wantsPublicTmp ? hidden : [...hidden, PUBLIC_TMP])
  const wanted: Bound[] = [
    { kind: 'bound', path: dir, readOnly: false, isDirectory: true },
    ...mounts.map(({ source, readOnly, isDirectory }): Bound => ({ kind: 'bound', path: source, readOnly, isDirectory })),
  ]
  // What lies at or above a cover is the machine's own and stays as the machine shows it: a mount of / must not undo the hiding.
  const bindable = wanted.filter(bound => !targets.some(target => isWithin(target, bound.path)))
  const emptied = [...new Set(hidden)]
    .filter(path => !targets.includes(path) && bindable.some(bound => isWithin(path, bound.path)))
    .map((path): Emptied => ({ kind: 'emptied', path }))
  // A path is longer than any above it; of two for one path the hiding comes last and holds.
  const layers = [...bindable, ...emptied].toSorted((a, b) => a.path.length - b.path.length)
  const covers = targets.map<Cover>(target => ({
    target,
    base: target === PUBLIC_TMP ? { directory: privateTmp } : 'empty',
    layers: layers.filter(({ path }) => isWithin(path, target)),
  }))
  return {
    // The cover that hides the stage and the private directory comes last: the others still need them.
    covers: covers.toSorted((a, b) => Number(isWithin(stage, a.target)) - Number(isWithin(stage, b.target))),
    readOnly: bindable.filter(bound => bound.readOnly && !targets.some(target => isWithin(bound.path, target))),
    replaced,
  }
}

/**
 * The plan as a shell script that ends by running its arguments. Runs with `sh -e`, in the record directory. Some ten mounts; each costs
 * about a millisecond.
 */
export const viewScript = (plan: ViewPlan, stage: string, hideProcesses: boolean): string =>
  [
    `trap 'echo "Its private view of the file system could not be made." >launch-failed' EXIT`,
    // Directories on the way to what is mounted must be open to the workload's user.
    'umask 022',
    ...plan.replaced.map(({ source, target }) => bind(source, target, true)),
    ...plan.readOnly.map(({ path }) => bind(path, path, true)),
    ...plan.covers.flatMap(cover => coverLines(cover, stage)),
    // Other users' processes, and what stands on their command lines, are no business of a build.
    ...(hideProcesses ? ['mount -t proc -o nosuid,nodev,noexec,hidepid=2 proc /proc'] : []),
    'trap - EXIT',
    'exec "$@"',
  ].join('\n')

const coverLines = ({ target, base, layers }: Cover, stage: string): string[] => {
  const placeOf = (path: string): string => join(stage, relative(target, path))
  /** Makes what is mounted on in the base or in an emptied directory; anywhere else a layer brought it along. */
  const makePlaces = (within: string): string[] => {
    const places = layers.filter(layer => layer.path !== within && emptyAbove(layer, layers, target) === within)
    const directories = new Set(places.map(layer => placeOf(isFile(layer) ? dirname(layer.path) : layer.path)))
    return directories.size === 0 ? [] : [`mkdir -p ${[...directories].map(quote).join(' ')}`]
  }
  const layerLines = (layer: Layer): string[] => {
    const place = placeOf(layer.path)
    if (layer.kind === 'emptied') return [emptyAt(place), ...makePlaces(layer.path)]
    return [...(isFile(layer) ? [`[ -e ${quote(place)} ] || : >${quote(place)}`] : []), bind(layer.path, place, layer.readOnly)]
  }
  return [
    base === 'empty' ? emptyAt(stage) : `mount --bind ${quote(base.directory)} ${quote(stage)}`,
    ...makePlaces(target),
    ...layers.flatMap(layerLines),
    `mount --move ${quote(stage)} ${quote(target)}`,
  ]
}

const isFile = (layer: Layer): boolean => layer.kind === 'bound' && !layer.isDirectory

/** The innermost directory above a layer that has only what is made in it. */
const emptyAbove = ({ path }: Layer, layers: readonly Layer[], target: string): string =>
  layers.findLast(other => other.kind === 'emptied' && other.path !== path && isWithin(path, other.path))?.path ?? target

/** Open to the workload's user, and room for the names of what is mounted in it. */
const emptyAt = (place: string): string => `mount -t tmpfs -o mode=0755,nosuid,nodev,size=256k manor ${quote(place)}`

const bind = (source: string, target: string, readOnly: boolean): string =>
  `mount ${readOnly ? '--bind -o ro' : '--rbind'} ${quote(source)} ${quote(target)}`

/** A word for a POSIX shell, whatever it holds. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`
