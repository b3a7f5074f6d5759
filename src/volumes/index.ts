/**
 * Where homes are kept (design section 8). For now directories of this machine; the volume service with its drivers, snapshots and drills
 * comes to stand behind the same contract. Imports model, runtime and the controllers' door.
 */
export { createDirectoryHomes, type DirectoryHomesOptions, RETIRED_KEPT_MS } from './directory.ts'
